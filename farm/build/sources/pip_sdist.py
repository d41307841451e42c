"""A script, run by an interpreter that has pip: fetches the source distribution of one release, and runs none of it.

`pip download` would run the build code of a source distribution, on the worker and as the worker, merely to learn its
name. So this asks pip's own finder (which knows the machine's index, credentials, certificates and proxies) for the
links, and pip's session for the bytes. It imports nothing of farm.

Arguments: NAME VERSION DESTINATION MAX_BYTES. Prints the link's file name; exits with 3 when there is none.
"""

import sys
from pathlib import Path
from urllib.parse import urlsplit


def main(name: str, version: str, destination: str, max_bytes: int) -> int:
    """Write the source distribution to `destination`; returns the exit status."""
    from pip._internal.commands import (  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415
        create_command,  # farm's own interpreter need not have it
    )

    command = create_command("download")
    options, _ = command.parse_args(["--no-deps", "--no-binary", ":all:", name])
    with command.main_context(), command.get_default_session(options) as session:
        finder = command._build_package_finder(options, session)
        links = [candidate.link for candidate in finder.find_all_candidates(name) if str(candidate.version) == version]
        if not links:
            sys.stderr.write(f"the index has no source distribution of {name} {version}\n")
            return 3
        link = links[0]
        response = session.get(link.url_without_fragment, stream=True, headers={"Accept-Encoding": "identity"})
        response.raise_for_status()
        size = 0
        with Path(destination).open("wb") as file:
            for chunk in response.raw.stream(1 << 20, decode_content=False):
                size += len(chunk)
                if size > max_bytes:
                    sys.stderr.write(f"more bytes than the limit of {max_bytes}\n")
                    return 4
                file.write(chunk)
    sys.stdout.write(Path(urlsplit(link.url_without_fragment).path).name + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
