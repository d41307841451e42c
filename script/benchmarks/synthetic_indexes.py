"""The same set of packages in the peers' index formats, with sizes and digests as real indexes have."""

from __future__ import annotations

import hashlib
import io
import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from script.benchmarks.synthetic_set import SyntheticPackage


def closure_of(packages: Sequence[SyntheticPackage], number: int) -> set[int]:
    """Return the numbers of a package and of all that it needs."""
    found, waiting = {number}, [number]
    while waiting:
        needs = {need for need, _ in packages[waiting.pop()].needs} - found
        found |= needs
        waiting += needs
    return found


def write_packages_file(path: Path, packages: Sequence[SyntheticPackage]) -> None:
    """Write Debian's `Packages`."""
    with path.open("w") as file:
        for package in packages:
            depends = ", ".join(packages[need].name for need, _ in package.needs)
            file.write(
                f"Package: {package.name}\nVersion: 1.0-1\nArchitecture: amd64\n"
                "Maintainer: nobody <nobody@example.org>\n"
                + (f"Depends: {depends}\n" if depends else "")
                + f"Filename: ./{package.name}.deb\nSize: {_size(package)}\nSHA256: {_digest(package)}\n"
                f"Description: {_summary(package)}\n\n"
            )


def write_pacman_database(path: Path, packages: Sequence[SyntheticPackage]) -> None:
    """Write the database of a pacman repository, compressed as `repo-add` does it."""
    with tarfile.open(path, "w:gz") as archive:
        for package in packages:
            content = "".join(f"%{key}%\n{value}\n\n" for key, value in _pacman_fields(packages, package)).encode()
            member = tarfile.TarInfo(f"{package.name}-1.0-1/desc")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def _pacman_fields(packages: Sequence[SyntheticPackage], package: SyntheticPackage) -> Iterator[tuple[str, str]]:
    yield "FILENAME", f"{package.name}-1.0-1-x86_64.pkg.tar.zst"
    yield "NAME", package.name
    yield "VERSION", "1.0-1"
    yield "DESC", _summary(package)
    yield "CSIZE", str(_size(package))
    yield "SHA256SUM", _digest(package)
    yield "ARCH", "x86_64"
    if package.needs:
        yield "DEPENDS", "\n".join(packages[need].name for need, _ in package.needs)


def _summary(package: SyntheticPackage) -> str:
    return f"Number {package.number} of the packages that are only listed"


def _size(package: SyntheticPackage) -> int:
    return 1_000 + package.number


def _digest(package: SyntheticPackage) -> str:
    return hashlib.sha256(package.name.encode()).hexdigest()
