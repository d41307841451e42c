"""Builds from zip and 7z archives, with the toolchain of the shipped recipes, which has no program to unpack them."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from typing import TYPE_CHECKING

import pytest

from farm.build.attempt.errors import BuildFailedError
from farm.core.fileset.manifest import File, Manifest
from farm.core.names.digest import Digest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.build.local_builds import Local

pytestmark = [
    pytest.mark.toolchain,
    pytest.mark.skipif(not shutil.which("7z") or not shutil.which("zip"), reason="script/bootstrap --test installs it"),
]
RECIPE = """\
name: words
version: "1.0"
summary: Words from archives
license: MIT
source:
  - file: words.zip
  - file: more.7z
  - file: more.patch
toolchain: c
steps:
  - run: |
      ./install.sh "$DESTDIR/usr/share/words"
      cat /build/more/list >> "$DESTDIR/usr/share/words/list"
"""
PATCH = b"--- a/list\n+++ b/list\n@@ -1 +1 @@\n-one\n+first\n"


@pytest.fixture
def words(local: Local, tmp_path: Path) -> Local:
    """A recipe of two archives, and a patch for the first one; the first has a link, and a script to be run."""
    made = tmp_path / "words-1.0"
    made.mkdir()
    (made / "list").write_text("one\n")
    (made / "install.sh").write_text('#!/bin/sh\nmkdir -p "$1"; cat linked > "$1/list"\n')
    (made / "install.sh").chmod(0o755)
    (made / "linked").symlink_to("list")
    subprocess.run(["zip", "-q", "-r", "-y", "words.zip", made.name], cwd=tmp_path, check=True)
    (tmp_path / "list").write_text("more\n")
    subprocess.run(["7z", "a", "more.7z", "list"], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    local.files["packages/words/recipe.yaml"] = RECIPE.encode()
    local.files["packages/words/more.patch"] = PATCH
    for name in ("words.zip", "more.7z"):
        local.files[f"packages/words/{name}"] = (tmp_path / name).read_bytes()
    return local


def test_zip_and_7z_archives_are_unpacked_and_patched(words: Local) -> None:
    (package, *_) = words.builds().build(["words"])
    manifest = Manifest.from_json(words.state.store.read(package.manifest.digest))
    file = manifest.by_path["share/words/list"]
    assert isinstance(file, File)
    assert file.digest == Digest.of(b"first\nmore\n")


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"<html>Not found</html>", "its format is web page"), (b"PK\3\4 and no more", "it is not a zip archive")],
)
def test_an_archive_that_is_none_fails_the_build_by_name_and_format(words: Local, content: bytes, reason: str) -> None:
    words.files["packages/words/words.zip"] = content
    with pytest.raises(BuildFailedError, match=f"the source words.zip cannot be unpacked: {reason}") as caught:
        words.builds().build(["words"])
    assert caught.value.code == "unreadable-archive"
    assert caught.value.log is not None
    assert str(caught.value.place) == "packages/words/recipe.yaml:6:11"


def test_all_archives_of_a_build_share_what_they_may_take_unpacked(words: Local, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "zeros.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("words-1.0/zeros", bytes(40 << 20))
    for name in ("words.zip", "more.zip"):
        words.files[f"packages/words/{name}"] = (tmp_path / "zeros.zip").read_bytes()
    recipe = RECIPE.replace("more.7z", "more.zip") + "limits: {memory-mb: 64}\n"
    words.files["packages/words/recipe.yaml"] = recipe.encode()
    with pytest.raises(BuildFailedError, match=r"the source more\.zip cannot be unpacked: it has more than the 23 MiB"):
        words.builds().build(["words"])
