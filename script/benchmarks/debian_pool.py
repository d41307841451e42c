"""Debian packages: a pool of small ones, written without dpkg in seconds; and a tree packed as its maintainer would."""

from __future__ import annotations

import gzip
import io
import shutil
import tarfile
from typing import TYPE_CHECKING

from script.benchmarks.measurement import run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from script.benchmarks.synthetic_set import SyntheticPackage


def write_pool(directory: Path, packages: Sequence[SyntheticPackage]) -> None:
    """Write each package as `NAME_1.0_amd64.deb`, with its dependencies and without files."""
    directory.mkdir(parents=True)
    names = {package.number: package.name for package in packages}
    for package in packages:
        write_deb(directory, package.name, "1.0", [names[need] for need, _ in package.needs])


def write_deb(directory: Path, name: str, version: str, depends: Sequence[str] = ()) -> None:
    """Write one package; its file has the name without the version, so that a new one takes the old one's place."""
    control = (
        f"Package: {name}\nVersion: {version}\nArchitecture: amd64\nMaintainer: nobody <nobody@example.org>\n"
        + (f"Depends: {', '.join(depends)}\n" if depends else "")
        + f"Description: The {name}\n"
    )
    parts = {
        "debian-binary": b"2.0\n",
        "control.tar.gz": _archive({"./control": control.encode()}),
        "data.tar.gz": _archive({}),
    }
    (directory / f"{name}.deb").write_bytes(
        b"!<arch>\n" + b"".join(_ar_member(part, content) for part, content in parts.items())
    )


def pack_deb(tree: Path, name: str, version: str, deb: Path) -> None:
    """Pack a tree with `dpkg-deb`, compressed like the farm's archives; works next to the deb."""
    work = deb.with_suffix(".tree")
    run(["cp", "-al", tree, work])
    (work / "DEBIAN").mkdir()
    (work / "DEBIAN" / "control").write_text(
        f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: bench <bench@example.org>\n"
        "Description: a sample\n"
    )
    run(["dpkg-deb", "-Zzstd", "-z3", "--root-owner-group", "--build", work, deb])
    shutil.rmtree(work)


def _archive(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for path, data in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return gzip.compress(content.getvalue(), 1, mtime=0)


def _ar_member(name: str, content: bytes) -> bytes:
    header = f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode()
    return header + content + b"\n" * (len(content) % 2)
