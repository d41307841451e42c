"""Lock files: the same set again, on another host and many releases later; or a refusal with the reason."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from farm.client.repository.host import Host
from farm.client.repository.subscriptions import SubscriptionError
from farm.client.root.lock_file import (
    LockError,
    lock_generation,
    lock_packages,
    locked_packages,
    read_lock,
    write_lock,
)
from farm.core.names.digest import Digest
from farm.trust.untrusted_metadata import UntrustedMetadataError
from tests.client.installing import install, install_locked
from tests.client.whole import whole

if TYPE_CHECKING:
    from pathlib import Path

    from farm.core.sets.members.set_record import SetRecord
    from tests.client.distribution import SmallDistribution


def follow(distribution: SmallDistribution, folder: Path) -> Host:
    host = Host(folder / "state", folder / "shared")
    assert distribution.founded is not None
    host.subscriptions.subscribe(str(distribution.public), "edge", distribution.founded.fingerprint)
    return host


@pytest.fixture
def later(distribution: SmallDistribution, tmp_path: Path) -> SetRecord:
    """A host's lock file of release 1; release 3 has changed every package."""
    host = follow(distribution, tmp_path / "first")
    record = lock_generation(install(host, tmp_path / "first" / "root", "greet"))
    for version in ("2.0", "3.0"):
        distribution.package("greet", {"bin/greet": f"#!/usr/bin/say\n{version}"}, version=version)
        distribution.package("say", {"bin/say": version}, version=version)
        distribution.publish()
    return record


def test_another_host_has_the_same_set_many_releases_later(
    distribution: SmallDistribution, later: SetRecord, tmp_path: Path
) -> None:
    lock = tmp_path / "farm.lock"
    lock.write_text(write_lock(later))
    host = follow(distribution, tmp_path / "second")
    install_locked(host, tmp_path / "root", read_lock(lock))
    assert whole(host, tmp_path / "root").set == later
    install(host, tmp_path / "newest", "greet")
    assert {package.version for package in whole(host, tmp_path / "newest").set.packages} == {"3.0"}


def test_a_locked_root_holds_just_that(distribution: SmallDistribution, later: SetRecord, tmp_path: Path) -> None:
    host = follow(distribution, tmp_path / "second")
    install(host, tmp_path / "root", "alone", "greet")
    install_locked(host, tmp_path / "root", later)
    assert whole(host, tmp_path / "root").set == later


def test_packages_are_locked_without_a_root(distribution: SmallDistribution, tmp_path: Path) -> None:
    host = follow(distribution, tmp_path / "second")
    record = lock_packages(host.catalogue(), ["dist.example.org/greet"])
    assert record.asked == ("greet",)
    assert record == lock_generation(install(host, tmp_path / "root", "greet"))


def test_an_edited_lock_file_is_refused(distribution: SmallDistribution, later: SetRecord, tmp_path: Path) -> None:
    host = follow(distribution, tmp_path / "second")
    first, *rest = later.packages
    for edited, error, words in (
        (replace(first, descriptor=Digest.of(b"x")), LockError, "another build of dist.example.org/greet"),
        (replace(first, channel="dist.example.org/stable"), LockError, "names no release of it"),
        (replace(first, version="1.1"), LockError, "says of dist.example.org/greet: version 1.1, and 1.0 is signed"),
        (replace(first, revision=2), LockError, "revision 2, and 1 is signed"),
        (replace(first, store="say-1.0-x"), LockError, "store say-1.0-x, and greet-1.0-"),
        (replace(first, why="mine"), LockError, "why mine"),
    ):
        with pytest.raises(error, match=words):
            locked_packages(host, replace(later, packages=(edited, *rest)))
    for changed, words in (
        ({"release": Digest.of(b"x")}, "not available at"),
        ({"number": 9}, "the newest that is signed there is release 3"),
    ):
        (release,) = later.releases
        edited_release = replace(release, **changed)
        with pytest.raises(UntrustedMetadataError, match=words):
            locked_packages(host, replace(later, releases=(edited_release,)))
    newest = lock_packages(host.catalogue(), ["greet"])
    for edited_set, words in (
        (replace(newest, releases=(replace(newest.releases[0], number=1),)), "number 1, and 3 is signed"),
        (replace(newest, asked=("alone",)), "requests alone, but does not contain it"),
    ):
        with pytest.raises(LockError, match=words):
            locked_packages(host, edited_set)
    assert not (tmp_path / "root").exists()


def test_a_set_with_something_left_out_is_refused(
    distribution: SmallDistribution, later: SetRecord, tmp_path: Path
) -> None:
    host = follow(distribution, tmp_path / "second")
    greet = [package for package in later.packages if package.name.short == "greet"]
    with pytest.raises(Exception, match="the packages of the lock file are incompatible"):
        install_locked(host, tmp_path / "root", replace(later, packages=tuple(greet)))


def test_a_channel_that_is_not_followed_is_named(later: SetRecord, tmp_path: Path) -> None:
    with pytest.raises(SubscriptionError, match="follows no channel"):
        install_locked(Host(tmp_path / "a", tmp_path / "b"), tmp_path / "root", later)


def test_what_others_cannot_have_is_not_locked(distribution: SmallDistribution, host: Host, tmp_path: Path) -> None:
    state = install(follow(distribution, tmp_path / "second"), tmp_path / "root", "alone")
    (package,) = state.set.packages
    own = replace(state.set, packages=(replace(package, channel="", why="my patch"),))
    with pytest.raises(LockError, match="alone is an override"):
        lock_generation(replace(state, set=own))
    with pytest.raises(LockError, match="made by an older farm"):
        lock_generation(replace(state, made=""))


def test_a_file_that_is_no_lock_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LockError, match="is not there"):
        read_lock(tmp_path / "none")
    lock, anew = tmp_path / "farm.lock", "Write one with `farm lock"
    contents = {"": anew, "[]": anew, '{"format": 1}': anew, '{"format": 9}': "Upgrade the farm."}
    for content, remedy in contents.items():
        lock.write_text(content)
        with pytest.raises(LockError, match=f"{lock} is not a lock file: ") as caught:
            read_lock(lock)
        assert caught.value.remedy.startswith(remedy)
