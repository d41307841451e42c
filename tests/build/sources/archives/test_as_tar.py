"""Zip and 7z archives as tar: what the real programs pack, `tar` unpacks alike; what leads out is refused."""

from __future__ import annotations

import os
import shutil
import stat
import struct
import subprocess
import tarfile
import zipfile
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.build.sources.archives import as_tar, zip_members
from farm.build.sources.archives.members import UnreadableArchiveError
from tests.peak_memory import takes_at_most

if TYPE_CHECKING:
    from pathlib import Path

MOST = 64 << 20


def write_as_tar(archive: Path, suffix: str, made: Path, *, most_bytes: int) -> None:
    with archive.open("rb") as source, made.open("wb") as destination:
        as_tar.write_as_tar(source, suffix, destination, most_bytes=most_bytes)


_SEVEN_ZIP = shutil.which("7z") or shutil.which("7zz")
needs_programs = pytest.mark.skipif(
    not (_SEVEN_ZIP and shutil.which("zip")), reason="zip or 7z is not installed: script/bootstrap --test"
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A directory with everything that a release of a project may have."""
    root = tmp_path / "made" / "thing-1.0"
    (root / "src" / "empty").mkdir(parents=True)
    (root / "configure").write_text("#!/bin/sh\necho configured\n")
    (root / "configure").chmod(0o755)
    (root / "README").write_text("Übersicht\n")
    (root / "nothing").touch()
    (root / "src" / "größe.c").write_text("int x;\n")
    (root / "src" / "large").write_bytes(os.urandom(700_000) + bytes(3_000_000) + b"end")
    (root / "src" / "README").symlink_to("../README")
    for number, path in enumerate(sorted(root.rglob("*"))):
        os.utime(path, (1_700_000_000 + 2 * number,) * 2, follow_symlinks=False)
    return root


def described(root: Path) -> dict[str, tuple[str, object]]:
    """What is below a directory: kinds, whether files can be run, contents, times, targets."""
    found: dict[str, tuple[str, object]] = {}
    for path in sorted(root.rglob("*")):
        name, status = path.relative_to(root).as_posix(), path.lstat()
        if stat.S_ISLNK(status.st_mode):
            found[name] = ("link", str(path.readlink()))
        elif stat.S_ISDIR(status.st_mode):
            found[name] = ("directory", "")
        else:
            found[name] = ("file", (bool(status.st_mode & 0o100), int(status.st_mtime), path.read_bytes()))
    return found


def unpacked(archive: Path, suffix: str, folder: Path) -> Path:
    """Unpack as a build does."""
    made, place = folder / "made.tar", folder / "unpacked"
    write_as_tar(archive, suffix, made, most_bytes=MOST)
    place.mkdir()
    subprocess.run(
        ["tar", "--extract", "--no-same-owner", "--strip-components=1", f"--directory={place}", f"--file={made}"],
        check=True,
    )
    return place


def run(folder: Path, *command: str) -> None:
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "TZ": "UTC"})


@needs_programs
@pytest.mark.parametrize("options", [(), ("-0",), ("-Z", "bzip2")], ids=["deflated", "stored", "bzip2"])
def test_a_zip_archive_unpacks_to_what_was_packed(tree: Path, tmp_path: Path, options: tuple[str, ...]) -> None:
    run(tree.parent, "zip", "-q", "-r", "-y", *options, "../thing.zip", tree.name)
    assert described(unpacked(tmp_path / "thing.zip", ".zip", tmp_path)) == described(tree)


@needs_programs
@pytest.mark.parametrize(
    "options",
    [
        (),
        ("-m0=LZMA", "-mhc=off"),
        ("-m0=LZMA2", "-ms=off"),
        ("-m0=Deflate",),
        ("-m0=BZip2",),
        ("-m0=Copy",),
        ("-m0=Delta:4", "-m1=LZMA2"),
        ("-m0=BCJ", "-m1=LZMA2"),
        ("-m0=ARM64", "-m1=LZMA2"),
    ],
    ids=lambda options: " ".join(options) or "as it comes",
)
def test_a_7z_archive_unpacks_to_what_was_packed_or_names_the_method(
    tree: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    run(tree.parent, str(_SEVEN_ZIP), "a", "-snl", *options, "../thing.7z", tree.name)
    if "ARM64" in str(options):
        with pytest.raises(UnreadableArchiveError, match="packed by 0a, which is not read"):
            unpacked(tmp_path / "thing.7z", ".7z", tmp_path)
        return
    assert described(unpacked(tmp_path / "thing.7z", ".7z", tmp_path)) == described(tree)


@needs_programs
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("-pSecret",), "AES"),
        (("-m0=PPMd",), "PPMd"),
        (("-m0=BCJ2", "-m1=LZMA2"), "BCJ2"),
        (("-m0=Deflate", "-m1=BZip2"), "Deflate behind another compression"),
        (("-m0=BZip2", "-m1=LZMA2"), "BZip2 behind another compression"),
    ],
)
def test_a_7z_archive_by_a_method_that_is_not_read_says_which(
    tree: Path, tmp_path: Path, options: tuple[str, ...], reason: str
) -> None:
    run(tree.parent, str(_SEVEN_ZIP), "a", *options, "../thing.7z", tree.name)
    with pytest.raises(UnreadableArchiveError, match=reason):
        write_as_tar(tmp_path / "thing.7z", ".7z", tmp_path / "made.tar", most_bytes=MOST)


@needs_programs
def test_an_archive_without_a_directory_of_its_own_loses_nothing(tree: Path, tmp_path: Path) -> None:
    run(tree, "zip", "-q", "-r", "-y", "../../flat.zip", ".")
    run(tree, str(_SEVEN_ZIP), "a", "-snl", "../../flat.7z", ".")
    for suffix in (".zip", ".7z"):
        folder = tmp_path / suffix[1:]
        folder.mkdir()
        assert described(unpacked(tmp_path / f"flat{suffix}", suffix, folder)) == described(tree)


@needs_programs
def test_the_same_archive_gives_the_same_bytes(tree: Path, tmp_path: Path) -> None:
    run(tree.parent, "zip", "-q", "-r", "../thing.zip", tree.name)
    run(tree.parent, str(_SEVEN_ZIP), "a", "../thing.7z", tree.name)
    for suffix in (".zip", ".7z"):
        made = [tmp_path / f"{number}{suffix}.tar" for number in range(2)]
        for place in made:
            write_as_tar(tmp_path / f"thing{suffix}", suffix, place, most_bytes=MOST)
        assert made[0].read_bytes() == made[1].read_bytes()


def packed(folder: Path, *members: tuple[str, bytes, int]) -> Path:
    """A zip archive of members, each with its path, content and Unix mode."""
    with zipfile.ZipFile(folder / "x.zip", "w") as archive:
        for path, content, mode in members:
            info = zipfile.ZipInfo(path)
            info.create_system, info.external_attr = 3, mode << 16
            archive.writestr(info, content)
    return folder / "x.zip"


FILE, LINK, PIPE, DEVICE = 0o100644, 0o120777, 0o010644, 0o020644


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ([("../evil", b"x", FILE)], "leads out"),
        ([("a/../../evil", b"x", FILE)], "leads out"),
        ([("/etc/passwd", b"x", FILE)], "leads out"),
        ([("a/link", b"../../etc", LINK), ("a/f", b"", FILE)], "leads out"),
        ([("a/link", b"/etc", LINK), ("a/f", b"", FILE)], "leads out"),
        ([("a/link", b"x" * 5000, LINK), ("a/f", b"", FILE)], "5000 bytes"),
        ([("a/d", b".", LINK), ("a/d/f", b"x", FILE)], "no directory"),
        ([("a", b"x", FILE), ("a/f", b"x", FILE)], "no directory"),
        ([("a/f", b"x", FILE), ("a/f", b"y", FILE)], "twice"),
        ([("a/./f", b"x", FILE), ("a/f", b"y", FILE)], "twice"),
        ([("a/pipe", b"", PIPE)], "a device, a pipe or a socket"),
        ([("a/null", b"", DEVICE)], "a device, a pipe or a socket"),
        ([("a/", b"", 0o040755)], "no files"),
        ([], "no files"),
        ([("a/link", b"elsewhere", LINK)], "only links, and no files"),
        ([("a/large", bytes(MOST + 1), FILE)], "more than the 64 MiB"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_what_leads_out_or_is_no_source_is_refused(
    tmp_path: Path, members: list[tuple[str, bytes, int]], reason: str
) -> None:
    with pytest.raises(UnreadableArchiveError, match=reason):
        write_as_tar(packed(tmp_path, *members), ".zip", tmp_path / "made.tar", most_bytes=MOST)


def test_the_tar_archive_is_no_larger_than_it_may_be(tmp_path: Path) -> None:
    """Headers count: of files without content, and of long paths and targets."""
    members = [(f"a/{number:0200}", b"", FILE) for number in range(300)]
    archive = packed(tmp_path, *members, ("a/link", b"x" * 4000, LINK))
    write_as_tar(archive, ".zip", tmp_path / "made.tar", most_bytes=MOST)
    size = (tmp_path / "made.tar").stat().st_size
    (tmp_path / "made.tar").unlink()
    with pytest.raises(UnreadableArchiveError, match="left for it"):
        write_as_tar(archive, ".zip", tmp_path / "made.tar", most_bytes=size - 1)
    assert not (tmp_path / "made.tar").stat().st_size


def test_a_link_within_and_a_backslash_of_windows_are_fine(tmp_path: Path) -> None:
    archive = packed(tmp_path, ("a/b/f", b"x", FILE), ("a/c/link", b"../b/f", LINK))
    with zipfile.ZipFile(archive, "a") as more:
        info = zipfile.ZipInfo("x")
        info.filename, info.create_system = "a\\win\\f", 0
        more.writestr(info, b"y")
    write_as_tar(archive, ".zip", tmp_path / "made.tar", most_bytes=MOST)
    with tarfile.open(tmp_path / "made.tar") as tar:
        assert {info.name: info.linkname for info in tar} == {"a/b/f": "", "a/c/link": "../b/f", "a/win/f": ""}


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(as_tar, "MOST_MEMBERS", 3)
    archive = packed(tmp_path, *((f"a/{number}", b"", FILE) for number in range(4)))
    with pytest.raises(UnreadableArchiveError, match="more than 3 members"):
        write_as_tar(archive, ".zip", tmp_path / "made.tar", most_bytes=MOST)


@pytest.mark.parametrize(("limit", "most"), [("MOST_MEMBERS", 3), ("_LARGEST_DIRECTORY", 150)])
def test_a_directory_of_a_zip_archive_that_is_too_large_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, most: int
) -> None:
    archive = packed(tmp_path, *((f"a/{number}", b"", FILE) for number in range(4)))
    monkeypatch.setattr(zip_members, limit, most)
    with archive.open("rb") as file, pytest.raises(UnreadableArchiveError, match="has more than"):
        zip_members.zip_members(file)


def test_a_bomb_of_bzip2_in_a_zip_archive_takes_little_memory_and_lzma_is_refused(tmp_path: Path) -> None:
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        with zipfile.ZipFile(tmp_path / f"{method}.zip", "w", method) as archive:
            archive.writestr("a/zeros", bytes(MOST))
    with takes_at_most(16 << 20):
        write_as_tar(tmp_path / "12.zip", ".zip", tmp_path / "made.tar", most_bytes=2 * MOST)
    with pytest.raises(UnreadableArchiveError, match="the method 14, which is not read"):
        write_as_tar(tmp_path / "14.zip", ".zip", tmp_path / "made.tar", most_bytes=2 * MOST)


def test_an_encrypted_and_a_damaged_zip_archive_are_refused(tmp_path: Path) -> None:
    archive = packed(tmp_path, ("a/f", b"content of it", FILE))
    whole = archive.read_bytes()
    flagged = bytearray(whole)
    flagged[whole.index(b"PK\1\2") + 8] |= 1
    for content, reason in (
        (bytes(flagged), "encrypted"),
        (whole.replace(b"content", b"CONTENT"), "Bad CRC-32"),
        (whole[:-30], "not a zip archive"),
        (b"<!DOCTYPE html>", "not a zip archive"),
    ):
        archive.write_bytes(content)
        with pytest.raises(UnreadableArchiveError, match=reason):
            write_as_tar(archive, ".zip", tmp_path / "made.tar", most_bytes=MOST)


def seven_zip_of(header: bytes, streams: bytes = b"") -> bytes:
    """A 7z archive with a header of its own, and right checksums."""
    start = struct.pack("<QQI", len(streams), len(header), zlib.crc32(header))
    return b"7z\xbc\xaf\x27\x1c\0\4" + struct.pack("<I", zlib.crc32(start)) + start + streams + header


@given(st.binary(max_size=200))
def test_any_header_of_a_7z_archive_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, rest: bytes) -> None:
    folder = tmp_path_factory.mktemp("hostile")
    for beginning in (b"\1", b"\1\4\6\0\1\x09\5\0\7\x0b\1\0", b"\1\5", b"\x17\6\0\1\x09\5\0\7\x0b\1\0"):
        (folder / "x.7z").write_bytes(seven_zip_of(beginning + rest, b"12345"))
        with pytest.raises(UnreadableArchiveError):
            write_as_tar(folder / "x.7z", ".7z", folder / "made.tar", most_bytes=MOST)


def seven_zip_with(*, method: bytes, size: int, streams: bytes, substreams: bytes = b"") -> bytes:
    """A 7z archive of one folder with one coder, with the name `a/f` for one file."""
    coder = b"\x0b\1\0\1" + bytes([len(method)]) + method + b"\x0c" + number(size) + b"\0"
    packs = b"\6\0\1\x09" + number(len(streams)) + b"\0"
    names = b"\0" + "a/f\0".encode("utf-16-le")
    files = b"\1\x11" + bytes([len(names)]) + names + b"\0"
    return seven_zip_of(b"\1\4" + packs + b"\7" + coder + substreams + b"\0\5" + files + b"\0", streams)


def number(value: int) -> bytes:
    return b"\xff" + struct.pack("<Q", value)


def test_what_follows_the_end_of_a_stream_is_not_kept_in_memory(tmp_path: Path) -> None:
    compress = zlib.compressobj(wbits=-15)
    stream = compress.compress(b"content") + compress.flush()
    (tmp_path / "x.7z").write_bytes(seven_zip_with(method=b"\4\1\x08", size=7, streams=stream))
    write_as_tar(tmp_path / "x.7z", ".7z", tmp_path / "made.tar", most_bytes=MOST)
    with tarfile.open(tmp_path / "made.tar") as tar:
        assert tar.getnames() == ["a/f"]
    (tmp_path / "x.7z").write_bytes(seven_zip_with(method=b"\4\1\x08", size=9, streams=stream + bytes(64 << 20)))
    with takes_at_most(16 << 20), pytest.raises(UnreadableArchiveError, match="damaged"):
        write_as_tar(tmp_path / "x.7z", ".7z", tmp_path / "made.tar", most_bytes=MOST)


@pytest.mark.parametrize(
    ("substreams", "reason"),
    [(b"\x08\x0d" + number(900_000), "900000 parts"), (b"\x08\0\x08\0", "the part 0x8 twice")],
)
def test_a_header_of_7z_that_asks_for_much_work_is_refused(tmp_path: Path, substreams: bytes, reason: str) -> None:
    (tmp_path / "x.7z").write_bytes(seven_zip_with(method=b"\0", size=9, streams=bytes(9), substreams=substreams))
    with pytest.raises(UnreadableArchiveError, match=reason):
        write_as_tar(tmp_path / "x.7z", ".7z", tmp_path / "made.tar", most_bytes=MOST)


@needs_programs
def test_a_damaged_7z_archive_is_refused_or_gives_the_same_files(tmp_path: Path) -> None:
    """Only what nobody reads, as the version and the mark of the end of a stream, may be damaged unnoticed."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "f").write_text("one line of text\n" * 20)
    run(tmp_path, str(_SEVEN_ZIP), "a", "x.7z", "a")
    write_as_tar(tmp_path / "x.7z", ".7z", tmp_path / "whole.tar", most_bytes=MOST)
    whole, refused = (tmp_path / "x.7z").read_bytes(), 0
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 0x55
        (tmp_path / "damaged.7z").write_bytes(damaged)
        made = tmp_path / f"{place}.tar"
        try:
            write_as_tar(tmp_path / "damaged.7z", ".7z", made, most_bytes=MOST)
        except UnreadableArchiveError:
            refused += 1
        else:
            assert made.read_bytes() == (tmp_path / "whole.tar").read_bytes(), place
    assert refused > len(whole) - 6
