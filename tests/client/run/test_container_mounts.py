"""Which mounts of a container hide the packages' directories."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from farm.client.run.container_mounts import bound_stores, hidden_in, not_late_bound
from farm.container.docker_objects import ContainerMount, LabelledContainer

if TYPE_CHECKING:
    from pathlib import Path

STORE = "jq-1.7.1-8dcf0d88d3aa"


def container(*targets: str, changed: tuple[str, ...] = ()) -> LabelledContainer:
    mounts = tuple(ContainerMount("/srv/x", target) for target in targets)
    return LabelledContainer("1", "web", "api:1", "sha256:0", {}, mounts, changed)


@pytest.mark.parametrize(
    "target", ["/usr", "/usr/bin/jq", "/bin", "/lib64/x.so", "/packages", f"/packages/{STORE}/bin"]
)
def test_a_mount_over_packages_is_told(target: str) -> None:
    assert hidden_in(container(target)) == (f"{target}: /srv/x is mounted over what packages have there",)


@pytest.mark.parametrize("target", ["/data", "/app/usr", "/usrlocal", "/etc/app.conf", "/var/lib/packages"])
def test_what_is_mounted_elsewhere_is_the_users_own(target: str) -> None:
    assert hidden_in(container(target)) == ()


def test_what_was_written_is_told_without_the_places_of_mounts() -> None:
    changed = ("/data", "/run/x.pid", "/usr/bin/jq", "/usr/share/mine")
    assert hidden_in(container("/data", "/usr/share/mine/data", changed=changed)) == (
        "/usr/share/mine/data: /srv/x is mounted over what packages have there",
        "/usr/bin/jq: changed in the container, differs from the image",
    )
    many = hidden_in(container(changed=tuple(f"/usr/bin/{number:02}" for number in range(12))))
    assert (len(many), many[-1]) == (11, "2 more paths were changed in the container")


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    links = tmp_path / "state" / "links" / ("0" * 64)
    for path in (tmp_path / "cache" / STORE, links / "usr", links / "etc", tmp_path / "own"):
        path.mkdir(parents=True)
    (tmp_path / "way").symlink_to(tmp_path / "cache")
    return {"cache": tmp_path / "cache", "state": tmp_path / "state", "links": links, "home": tmp_path}


def targets_not_late_bound(places: dict[str, Path], *mounts: ContainerMount) -> list[str]:
    found = tuple(not_late_bound(mounts, places["cache"], [places["state"]]))
    return [line.partition(": ")[0] for line in found]


def test_what_a_run_mounts_is_what_it_says(places: dict[str, Path]) -> None:
    mounts = [ContainerMount(str(places["links"] / top), f"/{top}") for top in ("etc", "usr")]
    mounts += [
        ContainerMount(str(places["cache"] / STORE), f"/packages/{STORE}"),
        ContainerMount(str(places["home"] / "own"), "/packages/.own/0"),
        ContainerMount("", "/packages/.own/0/.git"),
        ContainerMount(str(places["home"] / "own"), "/data", writable=True),
        ContainerMount("", "/tmp", writable=True),
    ]
    assert (targets_not_late_bound(places, *mounts), bound_stores(mounts)) == ([], (STORE,))
    # Whatever the path of the cache.
    assert (
        targets_not_late_bound(places, ContainerMount(str(places["home"] / "way" / STORE), f"/packages/{STORE}")) == []
    )


@pytest.mark.parametrize(
    ("source", "target", "writable"),
    [
        ("own", f"/packages/{STORE}", False),
        ("cache/other-1.0-0", f"/packages/{STORE}", False),
        ("", f"/packages/{STORE}", False),
        (f"cache/{STORE}", f"/packages/{STORE}", True),
        ("own", f"/packages/{STORE}/bin", False),
        ("own", "/usr", False),
        ("own/usr", "/usr", False),
        ("state/links/x/etc", "/usr", False),
        ("own", "/usr/bin/jq", False),
        ("own", "/bin", False),
    ],
)
def test_what_a_run_would_not_mount_there_is_told(
    places: dict[str, Path], source: str, target: str, writable: bool
) -> None:
    mount = ContainerMount(str(places["home"] / source) if source else "", target, writable)
    assert targets_not_late_bound(places, mount) == [target]
