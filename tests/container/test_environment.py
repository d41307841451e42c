from __future__ import annotations

import io
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from farm.container.empty_image import TAG, EmptyImage
from farm.container.environment import OutputVolume, are_rendered, bind_packages, mount_links, render_links
from farm.core.fileset.forest import Forest
from farm.core.names.digest import Digest
from farm.core.names.platform import Platform
from tests.refusing import refuses

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import docker

    from farm.container.attempt_directory import AttemptDirectory

FOREST = Forest(
    ("etc", "usr", "usr/bin"), (("etc/jq.conf", "/packages/jq/etc/jq.conf"), ("usr/bin/jq", "/packages/jq/bin/jq"))
)
AMD64 = Platform.parse("linux/amd64")


def test_links_are_rendered_with_the_places_that_the_sandbox_mounts_on(tmp_path: Path) -> None:
    binds = render_links(tmp_path, FOREST)
    assert [(bind.source, bind.target, bind.writable) for bind in binds] == [
        (tmp_path / "usr", "/usr", False),
        (tmp_path / "etc", "/etc", False),
    ]
    assert str((tmp_path / "usr/bin/jq").readlink()) == "/packages/jq/bin/jq"
    assert sorted(path.name for path in (tmp_path / "etc").iterdir()) == ["hostname", "hosts", "jq.conf", "resolv.conf"]


def test_rendered_files_look_the_same_at_any_time(tmp_path: Path) -> None:
    render_links(tmp_path, FOREST)
    assert {path.lstat().st_mtime for path in tmp_path.rglob("*")} == {315532800.0}


def test_a_set_that_brings_its_own_hosts_file_keeps_its_link(tmp_path: Path) -> None:
    render_links(tmp_path, Forest(("etc",), (("etc/hosts", "/packages/base/etc/hosts"),)))
    assert str((tmp_path / "etc/hosts").readlink()) == "/packages/base/etc/hosts"


def test_what_was_rendered_is_known_again_whatever_the_umask(tmp_path: Path) -> None:
    forest = Forest(("etc",), (("etc/hosts", "/packages/base/etc/hosts"),))
    assert not are_rendered(tmp_path, forest)
    before = os.umask(0o077)
    try:
        render_links(tmp_path, forest)
    finally:
        os.umask(before)
    assert are_rendered(tmp_path, forest)
    assert not are_rendered(tmp_path, FOREST)


def _lead_elsewhere(top: Path) -> None:
    (top / "usr/bin/jq").unlink()
    (top / "usr/bin/jq").symlink_to("/packages/other/bin/jq")


def _put_a_file_there(top: Path) -> None:
    (top / "usr/bin/jq").unlink()
    (top / "usr/bin/jq").touch()


@pytest.mark.parametrize(
    "alter",
    [
        lambda top: (top / "usr/bin/jq").unlink(),
        _lead_elsewhere,
        _put_a_file_there,
        lambda top: (top / "usr/bin/more").symlink_to("jq"),
        lambda top: (top / "etc/hosts").unlink(),
        lambda top: (top / "usr/bin").chmod(0o700),
        lambda top: (top / "usr/bin").rename(top / "usr/sbin"),
        shutil.rmtree,
    ],
)
def test_altered_links_are_not_what_was_rendered(tmp_path: Path, alter: Callable[[Path], None]) -> None:
    top = tmp_path / "links"
    top.mkdir()
    render_links(top, FOREST)
    alter(top)
    assert not are_rendered(top, FOREST)


def test_packages_are_bound_read_only_under_their_store_paths(tmp_path: Path) -> None:
    (bind,) = bind_packages({"jq-1-abc": tmp_path})
    assert (bind.source, bind.target, bind.writable) == (tmp_path, "/packages/jq-1-abc", False)


@pytest.mark.docker
def test_in_a_build_the_links_lie_over_the_toolchain(attempt: AttemptDirectory, tmp_path: Path) -> None:
    toolchain = tmp_path / "toolchain"
    for path, text in (("usr/bin/gcc", "gcc"), ("etc/passwd", "theirs"), ("etc/shells", "sh"), ("var/lib/x", "x")):
        (toolchain / path).parent.mkdir(parents=True, exist_ok=True)
        (toolchain / path).write_text(text)
    binds = {bind.target: bind.source for bind in mount_links(attempt.subdirectory("root"), FOREST, toolchain)}
    assert sorted(binds) == ["/etc", "/usr", "/var"]
    assert sorted(path.name for path in (binds["/usr"] / "bin").iterdir()) == ["gcc", "jq"]
    assert "builder:x:1000:" in (binds["/etc"] / "passwd").read_text()
    assert (binds["/etc"] / "shells").read_text() == "sh"


def test_the_empty_image_has_one_id_for_ever() -> None:
    # A change of the image must change its tag too.
    assert EmptyImage.of(AMD64).id == "sha256:b275f170fc467838e9f12a80d790032b240b7440224014e091f0608aaf8ec6d1"
    assert EmptyImage.of(Platform.parse("linux/arm64")).id != EmptyImage.of(AMD64).id


@pytest.mark.docker
class TestTheEmptyImageInDocker:
    def test_is_loaded_under_the_id_that_was_known_before(self, client: docker.APIClient) -> None:
        image = EmptyImage.of(AMD64)
        if any(key == "Backing Filesystem" for key, _ in client.info()["DriverStatus"]):
            assert image.ensure(client) == image.id
        assert image.ensure(client) == image.ensure(client)

    def test_is_loaded_anew_when_its_tag_names_something_else(self, client: docker.APIClient) -> None:
        whole = EmptyImage.of(AMD64)
        impostor = EmptyImage(whole.config.replace(b'"config":{}', b'"config":{"Cmd":["/evil"]}'), whole.layer)
        for _ in client.load_image(io.BytesIO(impostor.archive())):
            pass
        assert client.inspect_image(TAG)["Config"]["Cmd"] == ["/evil"]
        image = EmptyImage.of(AMD64).ensure(client)
        assert not client.inspect_image(image)["Config"]["Cmd"]

    def test_is_refused_by_the_reason_that_the_engine_gives(self, client: docker.APIClient) -> None:
        whole, layer = EmptyImage.of(AMD64), b"this is no layer" * 64
        broken = EmptyImage(whole.config.replace(Digest.of(whole.layer).encode(), Digest.of(layer).encode()), layer)
        with refuses("empty-image", match="did not load"):
            broken.ensure(client)


def test_a_file_system_without_inodes_as_btrfs_is_not_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = os.statvfs(tmp_path)
    without = os.statvfs_result((*state[:5], 0, 0, 0, *state[8:]))
    assert (without.f_files, without.f_ffree, without.f_bfree) == (0, 0, state.f_bfree)
    monkeypatch.setattr(os, "statvfs", lambda _path: without)
    OutputVolume(tmp_path, 8).check_not_full()
