"""Origins of sources besides their URL: Debian's archives, and the Python package index.

What an origin yields counts only if it has the digest that the recipe names.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from farm.build.toolchain.apt import PoolFile
from farm.store.http.download_policy import OriginFailedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from farm.build.toolchain.apt import Apt, SourcePackage
    from farm.core.names.digest import Digest

_ORIG = re.compile(r"\.orig(?:-[A-Za-z0-9-]+)?\.tar\.(?:gz|bz2|xz|zst)$")
_DEBIAN = re.compile(r"\.debian\.tar\.(?:gz|bz2|xz|zst)$")
_NATIVE = re.compile(r"\.tar\.(?:gz|bz2|xz|zst)$")
_PYPI = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([A-Za-z0-9][A-Za-z0-9.+!_-]*)")
_PIP_SECONDS = 600
_NONE_FOUND = 3
_PASSED_TO_PIP = ("PIP_", "SSL_", "REQUESTS_", "HTTP_", "HTTPS_", "NO_", "ALL_")


class OtherBytesError(OriginFailedError):
    """The origin has the file, but with other bytes; `got` is their digest."""

    code = "other-bytes"

    def __init__(self, got: Digest, what: str) -> None:
        super().__init__(f"got {got}{f' ({what})' if what else ''}")
        self.got = got


def fetch_from_debian(apt: Apt, reference: str, digest: Digest, directory: Path) -> Path:
    """Fetch the file of a Debian source package that has `digest`; `reference` is `NAME` or `NAME=VERSION`.

    All versions in the signed indices are searched, since several share a tarball; so a wrong digest costs no download,
    and a missing `.dsc` does not matter. A version that has left the index is searched in the pool. Returns the file's
    path in `directory`. Raises `OriginFailedError`.
    """
    name, _, version = reference.partition("=")
    packages = apt.sources_of(name)
    if not packages:
        raise OriginFailedError(f"the machine's apt sources have no source package {name}")
    matching = [file for package in packages for file in package.files if file.digest == digest]
    candidates = matching[:1] or list(superseded_tarballs(packages, version, digest))
    failures: Mapping[PoolFile, tuple[str, ...]] = {}
    if candidates:
        failures = apt.download(candidates, directory)
        for file in candidates:
            if file not in failures:
                return directory / file.digest.hex
    if matching:
        raise OriginFailedError("; ".join(reason for reasons in failures.values() for reason in reasons))
    raise _explanation(packages, version)


def _explanation(packages: Sequence[SourcePackage], version: str) -> OriginFailedError:
    wanted = [package for package in packages if not version or package.version == version]
    for package in reversed(wanted):
        for file in package.files:
            if _ORIG.search(file.path):
                return OtherBytesError(file.digest, f"{Path(file.path).name} of version {package.version}")
    known = ", ".join(sorted({package.version for package in packages}))
    return OriginFailedError(f"the archive does not have the version {version or 'asked for'}; it has {known}")


def superseded_tarballs(packages: Sequence[SourcePackage], version: str, digest: Digest) -> Iterator[PoolFile]:
    """Guess the places in the pool of the tarballs of a version that no index names any more: they stay a while.

    A native package (a version without a Debian revision) has one tarball, which is upstream's too; others have one
    with Debian's patches beside upstream's.
    """
    if not version or any(package.version == version for package in packages):
        return
    whole = version.partition(":")[2] or version
    upstream = whole.rpartition("-")[0] or whole
    seen = set()
    for package in packages:
        for file in package.files:
            if ending := _ORIG.search(file.path):
                seen.add(f"{package.directory}/{package.name}_{upstream}{ending[0]}")
            elif ending := _DEBIAN.search(file.path) or (None if "-" in package.version else _NATIVE.search(file.path)):
                seen.add(f"{package.directory}/{package.name}_{whole}{ending[0]}")
    for path in sorted(seen):
        yield PoolFile(path, digest)


def fetch_from_pypi(reference: str, destination: Path, *, max_bytes: int) -> str:
    """Fetch the source distribution of `name==version` to `destination` through pip; return its file name.

    None of its code is run (see `pip_sdist`). Raises `OriginFailedError`.
    """
    match = _PYPI.fullmatch(reference)
    if not match:
        raise OriginFailedError(f"{reference!r} does not have the form name==version")
    script = Path(__file__).with_name("pip_sdist.py")
    command = [_interpreter_with_pip(), "-I", str(script), match[1], match[2], str(destination), str(max_bytes)]
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, env=_pip_environment(), timeout=_PIP_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise OriginFailedError(f"pip did not finish within {_PIP_SECONDS} s", unanswered=True) from error
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"pip ended with {done.returncode}"]
        raise OriginFailedError(lines[-1][:500], unanswered=done.returncode != _NONE_FOUND)
    return done.stdout.strip()


def _interpreter_with_pip() -> str:
    # A virtual environment need not have pip; the machine's Python does then.
    for interpreter in (sys.executable, shutil.which("python3") or ""):
        command = [interpreter, "-I", "-c", "import pip"]
        if interpreter and subprocess.run(command, check=False, capture_output=True).returncode == 0:
            return interpreter
    raise OriginFailedError("this machine has no Python with pip")


def _pip_environment() -> dict[str, str]:
    passed = {key: value for key, value in os.environ.items() if key.upper().startswith(_PASSED_TO_PIP)}
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": os.environ.get("HOME", "/"), **passed}
