"""What a source is by its first bytes, beside what its name says."""

from __future__ import annotations

import io
import subprocess
import tarfile
from typing import TYPE_CHECKING

import pytest

from farm.build.sources.archives.archive_format import SNIFFED, check_format, format_of
from farm.build.sources.archives.members import UnreadableArchiveError
from farm.core.names.digest import Digest
from farm.core.plan.plan import PlannedSource

if TYPE_CHECKING:
    from pathlib import Path

PAGE = b"\n<!DOCTYPE html><html><title>Sign in</title>"


def tar_of(mode: str) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=mode) as tar:  # type: ignore[call-overload]
        tar.addfile(tarfile.TarInfo("a/b"), io.BytesIO())
    return content.getvalue()


def source(file: str, *, unpack: bool) -> PlannedSource:
    return PlannedSource(file, Digest.of(b""), unpack)


@pytest.mark.parametrize(
    ("mode", "name"), [("w", "tar"), ("w:gz", "gzip"), ("w:bz2", "bzip2"), ("w:xz", "xz")], ids=["", "gz", "bz2", "xz"]
)
def test_formats_are_known_by_what_real_programs_write(mode: str, name: str) -> None:
    assert format_of(tar_of(mode)[:SNIFFED]) == name


@pytest.mark.parametrize(("program", "name"), [(["zstd", "-q"], "zstd"), (["xz"], "xz"), (["gzip"], "gzip")])
def test_compressed_formats_too(tmp_path: Path, program: list[str], name: str) -> None:
    (tmp_path / "x").write_bytes(b"x")
    subprocess.run([*program, str(tmp_path / "x")], check=True)
    (made,) = (path for path in tmp_path.iterdir() if path.name != "x")
    assert format_of(made.read_bytes()) == name


@pytest.mark.parametrize(
    ("file", "start"),
    [
        ("x.tar.gz", tar_of("w:gz")),
        ("x.tar.gz", tar_of("w:xz")),
        ("x.tar", b"old tar"),
        ("x.zip", b"PK\3\4"),
    ],
    ids=["gzip", "xz", "old tar", "zip"],
)
def test_an_archive_that_is_what_its_name_says_is_fine(file: str, start: bytes) -> None:
    check_format(source(file, unpack=True), start[:SNIFFED])


@pytest.mark.parametrize(
    ("file", "start", "found"),
    [
        ("x.tar.gz", PAGE, "web page"),
        ("x.tar.gz", b"PK\3\4", "zip"),
        ("x.zip", b"Rar!\x1a\7", "rar"),
        ("x.7z", PAGE, "web page"),
    ],
)
def test_an_archive_that_is_something_else_is_refused(file: str, start: bytes, found: str) -> None:
    with pytest.raises(UnreadableArchiveError, match=f"its format is {found}, which is not what its name says"):
        check_format(source(file, unpack=True), start)


@pytest.mark.parametrize("file", ["download", "v1.2.3", "zipball"])
def test_an_archive_whose_name_says_nothing_is_refused_instead_of_left_packed(file: str) -> None:
    for start in (b"PK\3\4", tar_of("w:gz")[:SNIFFED]):
        with pytest.raises(UnreadableArchiveError, match="would not be unpacked"):
            check_format(source(file, unpack=False), start)


@pytest.mark.parametrize("file", ["data.zip", "wheel.whl", "debian.deb", "words.gz"])
def test_an_archive_with_a_name_that_is_left_packed_is_fine(file: str) -> None:
    check_format(source(file, unpack=False), b"PK\3\4")
