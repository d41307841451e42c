"""What the checker reads of an archive: its content, and no more than a client would unpack."""

from __future__ import annotations

import pytest

from farm.checker.reading.archive_contents import read_contents
from farm.core.fileset.archive import ArchiveWriter
from farm.core.fileset.archive_reader import InvalidArchiveError
from farm.core.fileset.manifest import Directory, File, Manifest
from farm.core.fileset.refusal import Refusal
from farm.core.fileset.rules import ArchiveLimits
from farm.core.names.digest import Digest

PREFIX = "packages/p-1"
WRITER = ArchiveWriter(PREFIX)


def test_it_says_what_is_in_an_archive() -> None:
    content = {"bin/say": b"#!/bin/sh\necho hello\n", "share/word": b"hello"}
    files = [File(path, len(text), Digest.of(text), path.startswith("bin/")) for path, text in content.items()]
    manifest = Manifest.of(files)
    archive = b"".join(WRITER.archive(manifest, lambda file: (content[file.path],)))
    found = read_contents((archive[:700], archive[700:]), prefix=PREFIX)
    assert (found.manifest, found.diff_id) == (manifest, Digest.of(archive))
    assert found.facts.commands == ("say",)


def test_a_tree_without_any_content_has_no_facts() -> None:
    manifest = Manifest.of([Directory("share")])
    found = read_contents(WRITER.archive(manifest, lambda _: ()), prefix=PREFIX)
    assert (found.manifest, found.facts.commands) == (manifest, ())


@pytest.mark.parametrize(("beyond", "reason"), [(0, Refusal.TRUNCATED), (1, Refusal.FILE_TOO_LARGE)])
def test_it_reads_no_file_that_a_client_would_refuse(beyond: int, reason: Refusal) -> None:
    """An archive of the largest size is refused only because it is incomplete."""
    file = File("a", ArchiveLimits().file_bytes + beyond, Digest.of(b""))
    with pytest.raises(InvalidArchiveError) as caught:
        read_contents((WRITER.opening(), WRITER.header(file), b"a"), prefix=PREFIX)
    assert caught.value.reason is reason
