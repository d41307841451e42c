"""Tar archives of which `tar --strip-components=1` would leave nothing."""

from __future__ import annotations

import gzip
import io
import subprocess
import tarfile
from typing import TYPE_CHECKING

import pytest

from farm.build.sources.archives import flat_tar
from farm.build.sources.archives.members import UnreadableArchiveError
from tests.peak_memory import takes_at_most

if TYPE_CHECKING:
    from pathlib import Path


def check_not_flat(archive: Path) -> None:
    with archive.open("rb") as file:
        flat_tar.check_not_flat(file)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "in" / "thing-1.0").mkdir(parents=True)
    for name in ("package.xml", "README", "thing-1.0/configure"):
        (tmp_path / "in" / name).write_text("x\n")
    return tmp_path / "in"


def left(archive: Path) -> set[str]:
    """What `tar` unpacks, as a build does."""
    place = archive.parent / "out"
    place.mkdir()
    subprocess.run(
        ["tar", "--extract", "--strip-components=1", f"--directory={place}", f"--file={archive}"], check=True
    )
    return {path.name for path in place.iterdir()}


@pytest.mark.parametrize("option", ["", "-z", "-j", "-J", "--zstd"])
@pytest.mark.parametrize(
    ("members", "is_flat"),
    [
        (("package.xml", "README"), True),
        (("package.xml", "thing-1.0"), False),
        (("thing-1.0",), False),
        (("./README",), False),
    ],
)
def test_an_archive_is_refused_exactly_where_tar_would_leave_nothing(
    tree: Path, tmp_path: Path, members: tuple[str, ...], is_flat: bool, option: str
) -> None:
    archive = tmp_path / "x.tar"
    options = [option] if option else []
    subprocess.run(["tar", "--create", *options, f"--file={archive}", f"--directory={tree}", *members], check=True)
    assert bool(left(archive)) is not is_flat
    if is_flat:
        with pytest.raises(UnreadableArchiveError, match=r"lie in no directory \('package.xml', 'README'\)"):
            check_not_flat(archive)
    else:
        check_not_flat(archive)


def test_what_cannot_be_read_is_left_to_tar(tmp_path: Path) -> None:
    for content in (b"", b"\x1f\x8b broken", b"\x28\xb5\x2f\xfd broken", b"LZIP", b"no archive at all"):
        (tmp_path / "x.tar").write_bytes(content)
        check_not_flat(tmp_path / "x.tar")


def header(kind: bytes, size: int, name: str = "name") -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


def test_a_hostile_header_costs_no_memory_and_no_recursion(tmp_path: Path) -> None:
    """A name of 40 MB, a PAX header as large, and 12,000 headers of names for one member."""
    path = tmp_path / "x.tar"
    name = header(tarfile.GNUTYPE_LONGNAME, 5) + b"thing".ljust(512, b"\0")
    pax = header(tarfile.XHDTYPE, 14) + b"14 path=things".ljust(512, b"\0")
    for content in (
        header(tarfile.GNUTYPE_LONGNAME, 40 << 20) + bytes(40 << 20),
        header(tarfile.XHDTYPE, 40 << 20) + bytes(40 << 20),
        header(tarfile.REGTYPE, 70 << 20) + bytes(70 << 20),
        name * 12_000,
        pax * 12_000,
        header(tarfile.REGTYPE, 0) * 12_000,
    ):
        for compress in (bytes, gzip.compress):
            path.write_bytes(compress(content))
            with takes_at_most(16 << 20):
                check_not_flat(path)


NAMES = ("n" * 90, "d/" + "n" * 90, "d" * 80 + "/" + "n" * 90, "größe", "n" * 240)


@pytest.mark.parametrize(
    ("form", "name"),
    [(form, name) for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT) for name in NAMES]
    + [(tarfile.USTAR_FORMAT, name) for name in NAMES[:-1]],  # it has no longer names
)
def test_long_names_are_read_as_tar_reads_them(tmp_path: Path, form: int, name: str) -> None:
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w", format=form) as tar:
        for member in ("first", name):
            info = tarfile.TarInfo(member)
            info.size = 700
            tar.addfile(info, io.BytesIO(bytes(700)))
    if left(path):
        check_not_flat(path)
    else:
        with pytest.raises(UnreadableArchiveError):
            check_not_flat(path)
