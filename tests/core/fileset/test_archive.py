from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import tarfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.core.fileset.archive import MTIME, ArchiveWriter
from farm.core.fileset.archive_reader import read_archive
from farm.core.fileset.manifest import Directory, File, Link, Manifest
from farm.core.fileset.rules import ArchiveLimits
from farm.core.names.digest import Digest
from tests.core.fileset.trees import TREES, NoSink, Remembering, Tree

if TYPE_CHECKING:
    from pathlib import Path

_LIMITS = ArchiveLimits()
_PREFIXES = st.sampled_from(["packages/jq-1.7.1-abc", "jq", "", "packages/" + "long" * 20])


@given(TREES, _PREFIXES, st.integers(1, 4000))
def test_what_was_written_is_read_back_whatever_the_chunks(tree: Tree, prefix: str, size: int) -> None:
    data = tree.archive(prefix)
    sink = Remembering()
    chunks = [data[start : start + size] for start in range(0, len(data), size)]
    assert read_archive(chunks, prefix=prefix, limits=_LIMITS, sink=sink) == (prefix, tree.manifest)
    assert tuple(sink.entries) == tree.manifest.entries
    assert sink.contents == tree.contents


@given(TREES, _PREFIXES)
def test_an_accepted_archive_encodes_to_itself(tree: Tree, prefix: str) -> None:
    data = tree.archive(prefix)
    sink = Remembering()
    read_archive([data], prefix=prefix, limits=_LIMITS, sink=sink)
    assert sink.tree.archive(prefix) == data


@given(TREES, _PREFIXES)
def test_its_size_is_known_without_its_content(tree: Tree, prefix: str) -> None:
    assert ArchiveWriter(prefix).size(tree.manifest) == len(tree.archive(prefix))


@given(TREES)
def test_tarfile_reads_the_same_tree(tree: Tree) -> None:
    with tarfile.open(fileobj=io.BytesIO(tree.archive("packages/p"))) as tar:
        members = {member.name.removeprefix("packages/p").lstrip("/"): member for member in tar}
        del members["packages"], members[""]
        assert list(members) == [entry.path for entry in tree.manifest.entries]
        for entry in tree.manifest.entries:
            member = members[entry.path]
            assert (member.uid, member.gid, member.uname, member.gname, member.mtime) == (0, 0, "", "", MTIME)
            match entry:
                case Directory():
                    assert (member.type, member.mode) == (tarfile.DIRTYPE, 0o755)
                case Link():
                    assert (member.type, member.linkname) == (tarfile.SYMTYPE, entry.target)
                case File():
                    content = tar.extractfile(member)
                    assert content is not None
                    assert content.read() == tree.contents[entry.path]
                    assert (member.isreg(), member.mode) == (True, 0o755 if entry.executable else 0o644)


@pytest.mark.skipif(not shutil.which("tar"), reason="GNU tar is the other reader")
def test_gnu_tar_extracts_the_same_tree(tmp_path: Path) -> None:
    content = b"#!/bin/sh\n"
    long = "é" * 100 + "/" + "x" * 200
    manifest = Manifest.of(
        [
            File(f"{long}/f", len(content), Digest.of(content), executable=True),
            Link("l", f"{long}/f"),
            Directory("d" * 101),
        ]
    )
    data = b"".join(ArchiveWriter("p").archive(manifest, lambda _: [content]))
    subprocess.run(["tar", "-x", "-C", str(tmp_path)], input=data, check=True)
    assert (tmp_path / "p/l").read_bytes() == content
    assert (tmp_path / "p/l").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "p" / ("d" * 101)).is_dir()


def test_the_bytes_of_a_small_archive_never_change() -> None:
    content = b"hello\n"
    manifest = Manifest.of(
        [
            File("bin/é", 6, Digest.of(content), executable=True),
            Link("l", "bin/" + "x" * 120),
            File("y" * 120, 6, Digest.of(content)),
        ]
    )
    data = b"".join(ArchiveWriter("packages/p-1").archive(manifest, lambda _: [content]))
    # Recorded once: a change here changes the diff_id of every package.
    assert hashlib.sha256(data).hexdigest() == "7210cb0e49fbd2f239954942e91afc32a20a551432006e14a9ea33a1b2380cbb"


def test_a_content_of_the_wrong_length_is_noticed() -> None:
    manifest = Manifest.of([File("a", 3, Digest.of(b"abc"))])
    with pytest.raises(ValueError, match="2 bytes long, not 3"):
        list(ArchiveWriter("").archive(manifest, lambda _: [b"ab"]))


def test_the_prefix_of_a_store_path_can_be_found_out() -> None:
    for prefix in ("packages/jq-1", "jq-1"):
        data = b"".join(ArchiveWriter(prefix).archive(Manifest.of([Directory("bin")]), lambda _: []))
        assert read_archive([data], prefix=None, limits=_LIMITS, sink=NoSink())[0] == prefix


@pytest.mark.parametrize("length", [99, 100, 101, 155, 156, 254, 255])
@pytest.mark.parametrize("prefix", ["", "p", "p" * 154, "p" * 155, "p" * 156])
def test_names_at_the_edges_of_the_header_fields_survive(prefix: str, length: int) -> None:
    tree = Tree((Directory("d" * length), Link("e" * length, "t" * length)), {})
    data = tree.archive(prefix)
    assert read_archive([data], prefix=prefix, limits=_LIMITS, sink=NoSink())[1] == tree.manifest
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        names = tar.getnames()
    assert names[-2:] == [f"{prefix}/{name}".lstrip("/") for name in ("d" * length, "e" * length)]
