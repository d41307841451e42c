"""THREATS row 9, the part of the pure reader: each hostile archive is refused, and the error names what is wrong."""

from __future__ import annotations

import itertools
import tarfile
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.core.fileset.archive import BLOCK, ArchiveWriter
from farm.core.fileset.archive_reader import InvalidArchiveError, read_archive
from farm.core.fileset.manifest import Directory, Entry, File, Link, Manifest
from farm.core.fileset.refusal import Refusal
from farm.core.fileset.rules import ArchiveLimits
from farm.core.names.digest import Digest
from tests.core.fileset.trees import TREES, NoSink, Remembering, Tree

if TYPE_CHECKING:
    from collections.abc import Iterable

_PREFIX = "packages/p-1"
_WRITER = ArchiveWriter(_PREFIX)
_LIMITS = ArchiveLimits(entries=50, file_bytes=10_000, total_bytes=25_000)
_EMPTY = Digest.of(b"")


def _read(chunks: Iterable[bytes], prefix: str | None = _PREFIX) -> Remembering:
    sink = Remembering()
    read_archive(chunks, prefix=prefix, limits=_LIMITS, sink=sink)
    return sink


def _refusal(*parts: bytes | Entry, end: bool = True) -> InvalidArchiveError:
    """Return the error for an archive that begins well and holds these parts; entries are encoded canonically."""
    data = [_WRITER.opening()]
    data += [part if isinstance(part, bytes) else _WRITER.header(part) for part in parts]
    with pytest.raises(InvalidArchiveError) as caught:
        _read([*data, _WRITER.trailer()] if end else data)
    return caught.value


def _foreign(
    name: str,
    kind: bytes = tarfile.REGTYPE,
    *,
    inside: bool = True,
    form: Literal[0, 1, 2] = tarfile.PAX_FORMAT,
    **fields: object,
) -> bytes:
    """Return a header as another program might write it, canonical except for the given fields."""
    member = tarfile.TarInfo(f"{_PREFIX}/{name}" if inside else name)
    member.type, member.mtime = kind, 315532800
    for field, value in fields.items():
        setattr(member, field, value)
    data = bytearray(member.tobuf(form, "utf-8", "surrogateescape"))
    if kind not in (tarfile.BLKTYPE, tarfile.CHRTYPE):
        data[-183:-167] = b"0000000\0" * 2  # tarfile leaves the device numbers of other entries empty
    data[-364:-356] = b" " * 8
    data[-364:-356] = b"%06o\0 " % sum(data[-BLOCK:])
    return bytes(data)


def test_the_foreign_header_is_the_canonical_one_when_nothing_is_asked_for() -> None:
    assert _foreign("a") == _WRITER.header(File("a", 0, _EMPTY))
    assert _foreign("a/", tarfile.DIRTYPE, mode=0o755) == _WRITER.header(Directory("a"))
    assert _foreign("a", tarfile.SYMTYPE, mode=0o777, linkname="b") == _WRITER.header(Link("a", "b"))


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ([_foreign("../../../etc/passwd")], Refusal.DOT_DOT),
        ([_foreign("packages/p-1/../x", inside=False)], Refusal.DOT_DOT),
        ([_foreign("./a")], Refusal.DOT_DOT),
        ([_foreign("/etc/passwd", inside=False)], Refusal.ABSOLUTE_PATH),
        ([_foreign("packages/p-2/bin", inside=False)], Refusal.OUTSIDE_PREFIX),
        ([_foreign("etc", inside=False)], Refusal.OUTSIDE_PREFIX),
        ([_foreign("packages/p-1", tarfile.SYMTYPE, inside=False, linkname="/")], Refusal.DUPLICATE_NAME),
        ([Link("lib", "share"), File("lib/x", 0, _EMPTY)], Refusal.LINK_AS_PARENT),
        ([File("lib", 0, _EMPTY), File("lib/x", 0, _EMPTY)], Refusal.FILE_AS_PARENT),
        ([File("lib/x", 0, _EMPTY)], Refusal.MISSING_PARENT),
        ([_foreign("x", tarfile.LNKTYPE, linkname="../../etc/shadow")], Refusal.HARD_LINK),
        ([File("a", 0, _EMPTY), _foreign("b", tarfile.LNKTYPE, linkname=f"{_PREFIX}/a")], Refusal.HARD_LINK),
        ([_foreign("x", tarfile.SYMTYPE, linkname="/etc/shadow", mode=0o777)], Refusal.ABSOLUTE_LINK),
        ([_foreign("x", tarfile.SYMTYPE, linkname="../../../etc", mode=0o777)], Refusal.ESCAPING_LINK),
        ([Directory("d"), Link("d/x", "../../y")], Refusal.ESCAPING_LINK),
        ([_foreign("x", tarfile.SYMTYPE, linkname="a/../../..", mode=0o777)], Refusal.WINDING_LINK),
        ([_foreign("x", tarfile.SYMTYPE, mode=0o777)], Refusal.EMPTY_LINK),
        ([_foreign("sda", tarfile.BLKTYPE, devmajor=8)], Refusal.DEVICE),
        ([_foreign("null", tarfile.CHRTYPE, devmajor=1, devminor=3)], Refusal.DEVICE),
        ([_foreign("pipe", tarfile.FIFOTYPE)], Refusal.FIFO),
        ([_foreign("x", tarfile.CONTTYPE)], Refusal.ENTRY_TYPE),
        ([_foreign("x", tarfile.GNUTYPE_SPARSE)], Refusal.ENTRY_TYPE),
        ([_foreign("x", tarfile.GNUTYPE_LONGNAME)], Refusal.ENTRY_TYPE),
        ([_foreign("x", tarfile.AREGTYPE)], Refusal.ENTRY_TYPE),
        ([_foreign("su", mode=0o4755)], Refusal.SETUID),
        ([_foreign("wall", mode=0o2755)], Refusal.SETUID),
        ([_foreign("tmp", tarfile.DIRTYPE, mode=0o1777)], Refusal.SETUID),
        ([_foreign("x", pax_headers={"SCHILY.xattr.security.capability": "x"})], Refusal.EXTENDED_ATTRIBUTE),
        ([_foreign("x", pax_headers={"SCHILY.acl.access": "user::rwx"})], Refusal.EXTENDED_ATTRIBUTE),
        ([_foreign("x", pax_headers={"LIBARCHIVE.xattr.user.a": "x"})], Refusal.EXTENDED_ATTRIBUTE),
        ([_foreign("x", pax_headers={"mtime": "0.5"})], Refusal.PAX_RECORD),
        ([_foreign("x", pax_headers={"size": "10"})], Refusal.PAX_RECORD),
        ([_foreign("x", pax_headers={"GNU.sparse.major": "1"})], Refusal.PAX_RECORD),
        ([tarfile.TarInfo.create_pax_global_header({"path": "x"})], Refusal.PAX_RECORD),
        ([File("a", 0, _EMPTY), File("a", 0, _EMPTY)], Refusal.DUPLICATE_NAME),
        ([Directory("a"), File("a/b", 0, _EMPTY), Directory("a")], Refusal.DUPLICATE_NAME),
        ([File("a", 0, _EMPTY), Directory("a")], Refusal.FILE_AND_DIRECTORY),
        ([Directory("a"), Link("a", "b")], Refusal.FILE_AND_DIRECTORY),
        ([_foreign("a\udcff", form=tarfile.USTAR_FORMAT)], Refusal.NOT_UTF_8),
        ([_foreign("x", tarfile.SYMTYPE, form=tarfile.USTAR_FORMAT, linkname="\udcff")], Refusal.NOT_UTF_8),
        ([_foreign("a\nb")], Refusal.CONTROL_CHARACTER),
        ([_foreign("a\x1b[31m")], Refusal.CONTROL_CHARACTER),
        ([_foreign("a//b")], Refusal.EMPTY_COMPONENT),
        ([_foreign("a/")], Refusal.EMPTY_COMPONENT),
        ([File("a" * 256, 0, _EMPTY)], Refusal.NAME_TOO_LONG),
        ([File("a/" * 2048 + "a", 0, _EMPTY)], Refusal.PATH_TOO_LONG),
        ([_foreign("a/" * 10_000 + "a")], Refusal.PAX_RECORD),
        ([File("b", 0, _EMPTY), File("a", 0, _EMPTY)], Refusal.NOT_SORTED),
        ([Directory("a"), File("a/x", 0, _EMPTY), File("a-", 0, _EMPTY)], Refusal.NOT_SORTED),
        ([File("zeros", 1 << 30, _EMPTY)], Refusal.FILE_TOO_LARGE),
        ([_foreign("zeros", form=tarfile.GNU_FORMAT, size=8**11)], Refusal.NOT_CANONICAL),
        ([_foreign("x", mode=0o666)], Refusal.NOT_CANONICAL),
        ([_foreign("x", mode=0o600)], Refusal.NOT_CANONICAL),
        ([_foreign("x/", tarfile.DIRTYPE, mode=0o700)], Refusal.NOT_CANONICAL),
        ([_foreign("x/", tarfile.DIRTYPE, mode=0o755, size=512), bytes(512)], Refusal.NOT_CANONICAL),
        ([_foreign("x", uid=1000)], Refusal.NOT_CANONICAL),
        ([_foreign("x", uname="root")], Refusal.NOT_CANONICAL),
        ([_foreign("x", mtime=0)], Refusal.NOT_CANONICAL),
        ([_foreign("x", linkname="y")], Refusal.NOT_CANONICAL),
        ([bytes(BLOCK), b"x" * BLOCK], Refusal.NOT_CANONICAL),
    ],
)  # fmt: skip
def test_a_hostile_entry_is_refused_by_name(parts: list[bytes | Entry], reason: Refusal) -> None:
    assert _refusal(*parts).reason is reason


def test_a_header_and_its_pax_record_may_not_name_two_paths() -> None:
    harmless = _WRITER.header(File("é", 0, _EMPTY))
    shown = harmless[:-BLOCK] + _foreign("shown")
    assert _refusal(shown).reason is Refusal.TWO_NAMES
    link = _WRITER.header(Link("l", "é"))
    assert _refusal(link[:-BLOCK] + _WRITER.header(Link("l", "shown"))).reason is Refusal.TWO_NAMES


def test_a_pax_record_that_changes_nothing_is_refused_too() -> None:
    needless = _foreign("x", pax_headers={"path": f"{_PREFIX}/x"})
    assert _refusal(needless).reason is Refusal.TWO_NAMES


@pytest.mark.parametrize(
    "records",
    [b"x", b"8 path=a\n", b"99 path=a\n", b"11 path=a/b", b"0 path=a\n", b"7 path\n", b"9 path=a\n" * 2, b"\xff 1"],
)
def test_a_malformed_pax_header_is_refused(records: bytes) -> None:
    header = _foreign("x", tarfile.XHDTYPE, size=len(records))
    assert _refusal(header, records + bytes(-len(records) % BLOCK), _foreign("x")).reason is Refusal.PAX_RECORD


def test_a_pax_header_of_a_pax_header_is_refused() -> None:
    pax = _WRITER.header(File("é", 0, _EMPTY))[:-BLOCK]
    assert _refusal(pax, pax, _foreign("x")).reason in {Refusal.TWO_NAMES, Refusal.PAX_RECORD}


def test_a_wrong_checksum_is_refused() -> None:
    header = bytearray(_foreign("x"))
    header[0:1] = b"q"
    assert _refusal(bytes(header)).reason is Refusal.CHECKSUM


@pytest.mark.parametrize("left", [0, 1, BLOCK, BLOCK + 1])
def test_an_archive_that_ends_too_early_is_refused(left: int) -> None:
    entry = File("x", 3, Digest.of(b"abc"))
    data = _WRITER.header(entry) + b"abc" + _WRITER.padding(3) + _WRITER.trailer()
    assert _refusal(data[: -BLOCK - left - 1], end=False).reason is Refusal.TRUNCATED
    with pytest.raises(InvalidArchiveError, match="ends too early"):
        _read([])


@pytest.mark.parametrize("rest", [b"\0", bytes(10_240), b"x", _WRITER.opening()])
def test_data_after_the_end_is_refused(rest: bytes) -> None:
    error = _refusal(_WRITER.trailer(), rest, end=False)
    assert error.reason is Refusal.TRAILING_DATA


def test_padding_that_is_not_zero_is_refused() -> None:
    assert _refusal(File("x", 3, Digest.of(b"abc")), b"abc" + b"!" * 509).reason is Refusal.NOT_CANONICAL


def test_too_many_entries_are_refused() -> None:
    assert _refusal(*(Directory(f"{number:02}") for number in range(51))).reason is Refusal.TOO_MANY_ENTRIES


def test_names_that_are_too_large_together_are_refused() -> None:
    limits = replace(_LIMITS, name_bytes=1000)
    link = Link("l", "t" * 900)
    parts = [_WRITER.opening(), _WRITER.header(link), *(_WRITER.header(Link(f"m{n:02}", "t" * 20)) for n in range(9))]
    with pytest.raises(InvalidArchiveError) as caught:
        read_archive([*parts, _WRITER.trailer()], prefix=_PREFIX, limits=limits, sink=Remembering())
    assert caught.value.reason is Refusal.NAMES_TOO_LARGE


def test_too_much_content_in_all_is_refused() -> None:
    file = [part for name in "abc" for part in (_WRITER.header(File(name, 9_728, _EMPTY)), bytes(9_728))]
    error = _refusal(*file)
    assert (error.reason, error.entry) == (Refusal.TOTAL_TOO_LARGE, f"{_PREFIX}/c")


@pytest.mark.parametrize(
    ("limit", "exact", "reason"),
    [
        ("entries", 4, Refusal.TOO_MANY_ENTRIES),
        ("file_bytes", 700, Refusal.FILE_TOO_LARGE),
        ("total_bytes", 1000, Refusal.TOTAL_TOO_LARGE),
        ("name_bytes", len("d" + "d/a" + "d/b" + "l" + "d/a"), Refusal.NAMES_TOO_LARGE),
    ],
)
def test_an_archive_may_be_as_large_as_a_limit_and_not_by_one_larger(limit: str, exact: int, reason: Refusal) -> None:
    entries = (Directory("d"), File("d/a", 700, _EMPTY), File("d/b", 300, _EMPTY), Link("l", "d/a"))
    manifest = Manifest.of(entries)
    content = b"".join(_WRITER.archive(manifest, lambda file: [b"x" * file.size]))

    def read(most: int) -> Manifest:
        limits = replace(_LIMITS, **{limit: most})
        return read_archive([content], prefix=_PREFIX, limits=limits, sink=NoSink())[1]

    assert read(exact).by_path.keys() == manifest.by_path.keys()
    with pytest.raises(InvalidArchiveError) as caught:
        read(exact - 1)
    assert caught.value.reason is reason


def test_what_stands_behind_the_longest_prefix_is_no_part_of_the_path() -> None:
    outer, name = "o" * 77 + "/" + "p" * 77, "n" * 100
    writer = ArchiveWriter(outer)
    header = bytearray(writer.header(File(name, 0, _EMPTY)))
    assert len(header) == BLOCK
    assert header[345:501] == outer.encode() + b"\0"
    header[500:501] = b"x"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    with pytest.raises(InvalidArchiveError) as caught:
        read_archive([writer.opening(), bytes(header), writer.trailer()], prefix=outer, limits=_LIMITS, sink=NoSink())
    assert (caught.value.reason, caught.value.entry) == (Refusal.NOT_CANONICAL, f"{outer}/{name}")


def test_no_more_is_taken_from_an_endless_stream_than_the_limits_allow() -> None:
    taken = 0

    def zeros() -> Iterable[bytes]:
        nonlocal taken
        yield _WRITER.opening() + _WRITER.header(File("zeros", 9_999, _EMPTY))
        for _ in itertools.count():
            taken += BLOCK
            yield bytes(BLOCK)

    with pytest.raises(InvalidArchiveError):
        _read(zeros())
    assert taken < 20_000


def test_an_archive_of_another_package_is_refused() -> None:
    other = b"".join(ArchiveWriter("packages/q-2").archive(Tree((Directory("bin"),), {}).manifest, lambda _: []))
    with pytest.raises(InvalidArchiveError) as caught:
        _read([other])
    assert (caught.value.reason, caught.value.entry) == (Refusal.OUTSIDE_PREFIX, "packages/q-2")


@pytest.mark.parametrize(
    "start",
    [
        _foreign("packages", tarfile.SYMTYPE, inside=False, linkname="etc", mode=0o777),
        ArchiveWriter("").header(Directory("packages")) + ArchiveWriter("").header(Directory("other")),
        ArchiveWriter("").header(File("a", 0, _EMPTY)),
    ],
)
def test_a_prefix_that_is_not_a_directory_is_refused(start: bytes) -> None:
    with pytest.raises(InvalidArchiveError) as caught:
        _read([start, _WRITER.trailer()], prefix=None)
    assert caught.value.reason is Refusal.OUTSIDE_PREFIX


@pytest.mark.parametrize("prefix", [None, _PREFIX])
def test_a_prefix_with_a_header_that_is_not_canonical_is_refused(prefix: str | None) -> None:
    start = ArchiveWriter("").header(Directory("packages"))
    private = _foreign(_PREFIX, tarfile.DIRTYPE, inside=False, mode=0o700)
    with pytest.raises(InvalidArchiveError) as caught:
        _read([start, private, _WRITER.trailer()], prefix=prefix)
    assert (caught.value.reason, caught.value.entry) == (Refusal.NOT_CANONICAL, _PREFIX)


def test_an_archive_that_lacks_its_prefix_is_refused() -> None:
    for prefix in (None, _PREFIX):
        with pytest.raises(InvalidArchiveError) as caught:
            _read([_WRITER.trailer()], prefix=prefix)
        assert caught.value.reason is Refusal.MISSING_PARENT


def test_a_toolchain_may_keep_its_absolute_links() -> None:
    data = ArchiveWriter("").header(Link("sh", "/bin/bash")) + ArchiveWriter.trailer()
    _, manifest = read_archive([data], prefix="", limits=_LIMITS, sink=NoSink(), absolute_links=True)
    assert manifest.absolute_links
    with pytest.raises(InvalidArchiveError):
        read_archive([data], prefix="", limits=_LIMITS, sink=NoSink())


def test_the_sink_hears_nothing_of_a_refused_entry() -> None:
    sink = Remembering()
    data = [_WRITER.opening(), _WRITER.header(Directory("a")), _foreign("b", mode=0o4755), _WRITER.trailer()]
    with pytest.raises(InvalidArchiveError):
        read_archive(data, prefix=_PREFIX, limits=_LIMITS, sink=sink)
    assert sink.entries == [Directory("a")]


def test_the_error_says_what_where_and_what_to_do() -> None:
    error = _refusal(Directory("a"), _foreign("b\x1b[2J", mode=0o4755))
    assert error.message == (
        "the archive is refused at byte 1536: 'packages/p-1/b\\x1b[2J': it has a setuid, setgid or sticky bit (setuid)"
    )
    assert "Do not use" in error.remedy


@given(TREES, st.data())
def test_an_archive_with_one_byte_changed_is_refused_or_is_the_archive_of_another_tree(
    tree: Tree, data: st.DataObject
) -> None:
    archive = bytearray(tree.archive(_PREFIX))
    at = data.draw(st.integers(0, len(archive) - 1))
    archive[at] ^= data.draw(st.integers(1, 255))
    sink = Remembering()
    try:
        _, manifest = read_archive([bytes(archive)], prefix=_PREFIX, limits=ArchiveLimits(), sink=sink)
    except InvalidArchiveError:
        return
    assert manifest != tree.manifest
    assert sink.tree.archive(_PREFIX) == bytes(archive)


@given(st.binary(max_size=3 * BLOCK))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(InvalidArchiveError):
        _read([noise])
    assert _refusal(noise.ljust(BLOCK, b"x"), end=False)
