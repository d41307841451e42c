"""Roots that hold packages of two distributions: locked, reinstalled, reduced, and garbage-collected."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from farm.client.audit.verification_root import verify_root
from farm.client.gc.collect import collect_garbage
from farm.client.repository.host import Host
from farm.client.repository.read_only_host import ReadOnlyHost
from farm.client.root.generations import Root
from farm.client.root.lock_file import lock_generation
from farm.trust.untrusted_metadata import UntrustedMetadataError
from tests.client.installing import install, install_locked, remove
from tests.client.whole import whole
from tests.foreign.neighbours import FIRST, SECOND, Neighbours

if TYPE_CHECKING:
    from pathlib import Path


def follower(neighbours: Neighbours, folder: Path) -> Host:
    host = Host(folder / "state", folder / "shared")
    second = neighbours.second
    assert second.founded is not None
    host.subscriptions.subscribe(str(second.public), "edge", second.founded.fingerprint)
    return host


def test_a_set_of_two_distributions_is_locked_and_had_again(neighbours: Neighbours, tmp_path: Path) -> None:
    neighbours.publish("openssl", "say")
    record = lock_generation(install(follower(neighbours, tmp_path / "one"), tmp_path / "one" / "root", "web"))
    assert [release.subscription for release in record.releases] == [f"{SECOND}/edge"]
    assert {package.name.distribution for package in record.packages} == {FIRST, SECOND}
    host, root = follower(neighbours, tmp_path / "two"), tmp_path / "two" / "root"
    install_locked(host, root, record)
    assert whole(host, root).set == record


def test_a_foreign_package_is_taken_out_without_a_network(neighbours: Neighbours, tmp_path: Path) -> None:
    neighbours.publish("openssl", "say")
    host, root = follower(neighbours, tmp_path / "one"), tmp_path / "root"
    install(host, root, "web", f"{FIRST}/say")
    collect_garbage(host, datetime.now(UTC), keep=1)
    shutil.rmtree(neighbours.first.public)
    shutil.rmtree(neighbours.second.public)
    remove(host, root, "web")
    assert [str(package.name) for package in whole(host, root).set.packages] == [f"{FIRST}/say"]


def test_a_set_of_two_distributions_is_judged_when_one_of_them_cannot_be_asked(
    neighbours: Neighbours, tmp_path: Path
) -> None:
    neighbours.publish("openssl", "say")
    host, root = follower(neighbours, tmp_path / "one"), tmp_path / "root"
    install(host, root, "web")
    shutil.rmtree(neighbours.first.public)
    looking = ReadOnlyHost(host.state, host.shared)
    found = verify_root(looking, root)
    assert (found.packages, found.faults) == (len(Root(root).installed().set.packages), ())
    assert looking.fallbacks.keys() == {f"{FIRST}/edge"}
    openssl = Root(root).installed().set.package("openssl")
    assert openssl is not None
    (Root(root).package(openssl.store) / "share/openssl/version").write_text("3.1\n")
    assert [fault.of for fault in verify_root(ReadOnlyHost(host.state, host.shared), root).faults] == [
        f"{FIRST}/openssl"
    ]
    with pytest.raises(UntrustedMetadataError):
        verify_root(host, root)
