"""Patches of edits, applied by the real `patch`: what a person changed and nothing else, or a refusal by name."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.build.kept.source_edits import UnpatchableError, make_patch
from farm.build.kept.source_states import source_states
from tests.refusing import refuses

if TYPE_CHECKING:
    from pathlib import Path

LINES = st.lists(st.sampled_from([b"a", b"b", b"--- x", b"+++ y", b"", b"\r", b"\xff\xfe", b"@@ -1 +1 @@"]), max_size=8)
ENDS = st.sampled_from([b"", b"\n"])


class Sources:
    """The pristine sources, and the directory that a build and a person have changed."""

    def __init__(self, place: Path, **files: bytes) -> None:
        self.pristine, self.edited = place / "pristine", place / "edited"
        for name, content in (files or {"a.c": b"one\ntwo\n", "configure": b"old\n"}).items():
            self.pristine.mkdir(exist_ok=True, parents=True)
            (self.pristine / name).write_bytes(content)
        shutil.copytree(self.pristine, self.edited)
        self.when_kept = source_states(self.edited)

    def patch(self, *added: str) -> bytes:
        return make_patch(self.pristine, self.edited, when_kept=self.when_kept, added=added).text

    def applied(self, patch: bytes) -> dict[str, str]:
        """Return what the pristine sources are with the patch, as the step `prepare` applies it."""
        target = self.pristine.parent / "applied"
        shutil.copytree(self.pristine, target)
        command = ["patch", f"--directory={target}", "--strip=1", "--forward", "--batch"]
        subprocess.run(command, input=patch, check=True, capture_output=True)
        return source_states(target)


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    return Sources(tmp_path)


def test_only_what_was_edited_is_in_it(sources: Sources) -> None:
    (sources.edited / "configure").write_bytes(b"made anew by the build\n")
    (sources.edited / "a.o").write_bytes(b"object")
    sources.when_kept = source_states(sources.edited)
    (sources.edited / "a.c").write_bytes(b"one\nTWO\n")
    made = make_patch(sources.pristine, sources.edited, when_kept=sources.when_kept)
    assert (made.files, made.changed_by_build) == (("a.c",), ())
    assert made.text == b"--- a/a.c\n+++ b/a.c\n@@ -1,2 +1,2 @@\n one\n-two\n+TWO\n"


def test_a_file_that_the_build_changes_too_is_named(sources: Sources) -> None:
    (sources.edited / "configure").write_bytes(b"made anew by the build\n")
    sources.when_kept = source_states(sources.edited)
    (sources.edited / "configure").write_bytes(b"made anew by the build, and edited\n")
    made = make_patch(sources.pristine, sources.edited, when_kept=sources.when_kept)
    assert (made.files, made.changed_by_build) == (("configure",), ("configure",))


def test_what_the_build_changed_and_a_person_put_back_is_no_edit(sources: Sources) -> None:
    (sources.edited / "configure").write_bytes(b"made anew by the build\n")
    sources.when_kept = source_states(sources.edited)
    (sources.edited / "configure").write_bytes(b"old\n")
    with refuses("nothing-to-patch"):
        sources.patch()


def test_new_files_are_in_it_when_they_are_named_with_their_mode(sources: Sources) -> None:
    (sources.edited / "sub").mkdir()
    (sources.edited / "sub/new.c").write_bytes(b"new\n")
    (sources.edited / "run.sh").write_bytes(b"#!/bin/sh\n")
    (sources.edited / "run.sh").chmod(0o755)
    patch = sources.patch("sub/new.c", "run.sh")
    assert sources.applied(patch) == source_states(sources.edited)
    assert (sources.pristine.parent / "applied/run.sh").stat().st_mode & 0o111


def test_a_deleted_file_is_deleted(sources: Sources) -> None:
    (sources.edited / "a.c").unlink()
    assert sources.applied(sources.patch()) == source_states(sources.edited)


def test_a_file_that_the_build_deletes_is_no_edit(sources: Sources) -> None:
    (sources.edited / "a.c").unlink()
    sources.when_kept = source_states(sources.edited)
    with refuses("nothing-to-patch"):
        sources.patch()


@given(LINES, LINES, ENDS, ENDS)
def test_patch_makes_of_the_pristine_file_what_it_became(
    tmp_path_factory: pytest.TempPathFactory, old: list[bytes], new: list[bytes], old_end: bytes, new_end: bytes
) -> None:
    before, after = b"first\n" + b"\n".join(old) + old_end, b"first\n" + b"\n".join(new) + new_end
    sources = Sources(tmp_path_factory.mktemp("sources"), **{"a.c": before})
    (sources.edited / "a.c").write_bytes(after)
    if before == after:
        with refuses("nothing-to-patch"):
            sources.patch()
        return
    patch = sources.patch()
    assert patch == sources.patch(), "the same edits give the same bytes"
    assert sources.applied(patch) == source_states(sources.edited)


def test_everything_that_a_patch_cannot_carry_is_named_at_once(tmp_path: Path) -> None:
    names = ("binary", "link", "mode", "big", "odd name", "fine.c")
    sources = Sources(tmp_path, **dict.fromkeys(names, b"text\n"))
    (sources.edited / "binary").write_bytes(b"\0\1")
    (sources.edited / "link").unlink()
    (sources.edited / "link").symlink_to("/etc/shadow")
    (sources.edited / "mode").write_bytes(b"other\n")
    (sources.edited / "mode").chmod(0o755)
    (sources.edited / "big").write_bytes(b"x" * (17 << 20))
    (sources.edited / "odd name").write_bytes(b"other\n")
    (sources.edited / "fine.c").write_bytes(b"other\n")
    (sources.edited / "empty").touch()
    with pytest.raises(UnpatchableError) as caught:
        sources.patch("../outside", "missing", "empty")
    assert dict(caught.value.files) == {
        "../outside": "it is no path below /build/src",
        "big": "it is larger than 16 MiB",
        "binary": "it is a binary file",
        "empty": "it is an empty file",
        "link": "it is a link, or below one",
        "missing": "there is no such file below /build/src",
        "mode": "its mode was changed",
        "odd name": "its name has characters that patches do not carry",
    }


def test_no_link_is_followed_out_of_the_sources(sources: Sources, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "a.c").write_bytes(b"the host's own\n")
    shutil.rmtree(sources.edited)
    sources.edited.symlink_to(secret)
    assert source_states(sources.edited) == {}
    sources.edited.unlink()
    sources.edited.mkdir()
    (sources.edited / "sub").symlink_to(secret)
    with pytest.raises(UnpatchableError) as caught:
        sources.patch("sub/a.c")
    assert caught.value.files["sub/a.c"] == "it is a link, or below one"
    os.mkfifo(sources.edited / "pipe")
    assert source_states(sources.edited) == {"sub": f"link to {secret}"}


def test_a_changed_mode_and_a_changed_link_are_refused_by_name_and_those_of_the_build_left_out(tmp_path: Path) -> None:
    sources = Sources(tmp_path, **dict.fromkeys(("a.c", "run.sh", "made.sh"), b"text\n"))
    for place in (sources.pristine, sources.edited):
        (place / "link").symlink_to("a.c")
        (place / "gone").symlink_to("a.c")
    (sources.edited / "made.sh").chmod(0o755)
    sources.when_kept = source_states(sources.edited)
    (sources.edited / "a.c").write_bytes(b"edited\n")
    assert b"edited" in sources.patch(), "what only the build has changed is no edit"
    (sources.edited / "run.sh").chmod(0o755)
    (sources.edited / "gone").unlink()
    (sources.edited / "link").unlink()
    (sources.edited / "link").symlink_to("run.sh")
    with pytest.raises(UnpatchableError) as caught:
        sources.patch()
    assert dict(caught.value.files) == {
        "gone": "it is a link, or below one",
        "link": "it is a link, or below one",
        "run.sh": "its mode was changed",
    }
