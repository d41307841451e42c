"""Write fixtures with the current code: `python -m tests.formats.make [PART…]`.

It is kept to show how the files of `tests/formats/data` were made, and for new ones: an existing file is never
overwritten, except with `--overwrite`, and then the fixture is no longer what was published.

It restarts itself with a clock that only `tick` advances, and with keys and tokens from a counter, so that
the same code writes the same bytes.
"""

from __future__ import annotations

import argparse
import gzip
import importlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.formats.make.fixed import CLOCK, START, pretend

DATA = Path(__file__).parents[1] / "data"
PARTS = ("published", "documents", "identities", "home", "command", "farm", "rows", "processes")


class Output:
    """The place where fixtures are written; or, if it only `checks`, what they are compared with."""

    def __init__(self, *, overwrite: bool = False, checks: bool = False) -> None:
        self._overwrite = overwrite
        self._checks = checks
        self.differs: list[str] = []

    def write(self, name: str, content: bytes | str) -> None:
        """Write one file below `data`; refuse if it exists with other content."""
        path = DATA / name
        content = content.encode() if isinstance(content, str) else content
        if path.exists() and _same(name, path.read_bytes(), content):
            return
        if self._checks:
            self.differs.append(name)
            return
        if path.exists() and not self._overwrite:
            sys.exit(f"error: {path} is there already, with other content. It stays; --overwrite would replace it.")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _same(name: str, kept: bytes, made: bytes) -> bool:
    """Whether both are the same bytes; for a table that these tests write themselves, the same values by key.

    Versions of Python differ in the header of a gzip file, and in the first line of a dump of SQLite.
    """
    if name.endswith(".json"):
        return bool(json.loads(kept) == json.loads(made))
    if name.endswith(".gz"):
        return gzip.decompress(kept) == gzip.decompress(made)
    return kept == made.removeprefix(b"PRAGMA foreign_keys=OFF;\n")


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.formats.make", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all unless some are named")
    parser.add_argument("--overwrite", action="store_true", help="replace what is there")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail where something else would be written"
    )
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    if CLOCK not in os.environ:
        sys.exit(max(_begin(part) for part in arguments.parts or PARTS))
    pretend()
    out = Output(overwrite=arguments.overwrite, checks=arguments.check)
    (part,) = arguments.parts
    with tempfile.TemporaryDirectory() as folder:
        importlib.import_module(f"tests.formats.make.{part}").make(out, Path(folder))
    if out.differs:
        sys.exit(f"error: other bytes would be written today: {', '.join(out.differs)}")


def _begin(part: str) -> int:
    """Make one part in its own process, whose clock begins at `START`."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    options = [argument for argument in sys.argv[1:] if argument.startswith("-")]
    environment = {
        "LD_PRELOAD": str(library),
        CLOCK: START,
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
        "PYTHONHASHSEED": "0",
        "TZ": "UTC",
    }
    command = [sys.executable, "-m", "tests.formats.make", part, *options]
    return subprocess.run(command, env=os.environ | environment, check=False).returncode


if __name__ == "__main__":
    main()
