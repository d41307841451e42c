"""`.farmignore`: the rules of `.gitignore`, for directories that go into an image."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from farm.cli.rendering import say_error
from farm.client.run.user_mounts import own_mounts
from farm.oci.own_files import IgnoreRules, OwnFilesError, own_files
from farm.store.blobs import BlobStore
from tests.refusing import refuses

if TYPE_CHECKING:
    from pathlib import Path

RULES = """\
# what nobody needs
*.pyc
/build/*
!/build/keep
node_modules/
secret.env
"""


def tree(folder: Path, *paths: str, rules: str = RULES) -> Path:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(path)
    (folder / ".farmignore").write_text(rules)
    return folder


@pytest.fixture
def app(tmp_path: Path) -> Path:
    return tree(
        tmp_path / "app",
        *("serve", "lib/a.py", "lib/a.pyc", "build/x", "build/keep", "deep/node_modules/m", "secret.env", ".git/HEAD"),
        *("deep/build/x", "node_modules.txt"),
    )


KEPT = ["app", "app/build", "app/build/keep", "app/deep", "app/deep/build", "app/deep/build/x", "app/lib",
        "app/lib/a.py", "app/node_modules.txt", "app/serve"]  # fmt: skip


def test_what_is_ignored_is_in_no_image(app: Path, tmp_path: Path) -> None:
    assert sorted(own_files([(app, "app")], BlobStore(tmp_path / "blobs")).manifest.by_path) == KEPT


def test_what_is_ignored_may_be_what_no_image_holds(app: Path, tmp_path: Path) -> None:
    os.mkfifo(app / "deep/node_modules/pipe")
    os.mkfifo(app / "pipe.pyc")
    assert sorted(own_files([(app, "app")], BlobStore(tmp_path / "blobs")).manifest.by_path) == KEPT


def test_an_image_with_rules_is_the_image_of_what_they_keep(app: Path, tmp_path: Path) -> None:
    bare = tree(tmp_path / "bare", "serve", "lib/a.py", "build/keep", "deep/build/x", "node_modules.txt", rules="")
    for path in bare.rglob("*"):
        if path.is_file():
            path.write_text(str(path.relative_to(bare)))
    store = BlobStore(tmp_path / "blobs")
    assert own_files([(app, "app")], store).layer == own_files([(bare, "app")], store).layer


def test_a_run_shows_the_same_empty(app: Path) -> None:
    seen = own_mounts([(app, "app")], [])
    assert seen.hidden == ("/app/.git", "/app/deep/node_modules")
    assert seen.hidden_files == ("/app/.farmignore", "/app/build/x", "/app/lib/a.pyc", "/app/secret.env")


def test_at_the_root_of_an_image_what_is_ignored_is_not_bound_at_all(tmp_path: Path) -> None:
    rootfs = tree(tmp_path / "rootfs", "srv/x.pyc", "srv/data", "usr/bin/tool", "usr/bin/tool.pyc", "notes.pyc")
    seen = own_mounts([(rootfs, "")], [])
    assert [target for _, target in seen.binds] == ["/packages/.own/0", "/srv"]
    assert dict(seen.composition.forest.links) == {"usr/bin/tool": "/packages/.own/0/usr/bin/tool"}
    assert seen.hidden_files == (
        *(f"/packages/.own/0/{path}" for path in (".farmignore", "notes.pyc", "srv/x.pyc", "usr/bin/tool.pyc")),
        "/srv/x.pyc",
    )


def test_too_many_files_to_hide_one_by_one_are_refused_with_what_helps(tmp_path: Path) -> None:
    many = tree(tmp_path / "many", *(f"{number}.pyc" for number in range(201)))
    with pytest.raises(OwnFilesError, match="a run can hide 200") as caught:
        own_mounts([(many, "app")], [])
    assert "Ignore the directories" in caught.value.remedy


def test_a_bad_pattern_is_shown_with_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tree(tmp_path / "one", "a", rules="*.pyc\n!\n")
    with refuses("ignore-file") as caught:
        IgnoreRules.of(folder)
    say_error(caught.value)
    assert f"{folder}/.farmignore:2:1" in capsys.readouterr().err
    (folder / ".farmignore").write_bytes(b"\xff")
    with refuses("ignore-file", match="cannot read"):
        IgnoreRules.of(folder)
