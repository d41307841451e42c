"""From a published channel to a root: what is installed, what is shared, and the effect of one altered byte."""

from __future__ import annotations

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from securesystemslib.signer import CryptoSigner

from farm.client.gc.collect import collect_garbage
from farm.client.repository.catalogue import BrokenReleaseError, UnknownPackageError
from farm.client.repository.host import Host
from farm.client.root.generations import RootError
from farm.core.names.digest import Digest
from farm.core.names.package_name import InvalidPackageNameError
from farm.errors import FarmError
from farm.trust.attestation.dsse import InvalidEnvelopeError
from farm.trust.attestation.provenance import ProvenanceError
from tests.client.distribution import SmallDistribution
from tests.client.fetched_files import fetched_files, one_byte_altered
from tests.client.installing import install
from tests.refusing import refuses

if TYPE_CHECKING:
    from collections.abc import Callable


def subscribe(host: Host, distribution: SmallDistribution) -> None:
    assert distribution.founded is not None
    host.subscriptions.subscribe(str(distribution.public), "edge", distribution.founded.fingerprint)


def test_a_package_is_installed_with_what_it_needs(distribution: SmallDistribution, host: Host, tmp_path: Path) -> None:
    subscribe(host, distribution)
    root = tmp_path / "root"
    state = install(host, root, "greet")
    assert [package.name.short for package in state.set.packages] == ["greet", "say"]
    assert (root / "usr/bin/greet").read_text() == "#!/usr/bin/say\n"
    assert (root / "bin/greet").resolve().is_relative_to(root)
    assert (root / "etc/say.conf").read_text() == "loud\n"
    assert (root / "usr/share/greet/words/hello").read_text() == "hello\n"
    assert not (root / "usr/share/alone").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")
def test_a_disk_without_room_for_a_bill_of_materials_keeps_nothing_from_being_installed(
    distribution: SmallDistribution, host: Host, tmp_path: Path
) -> None:
    subscribe(host, distribution)
    entry, member = distribution.entries["alone"]
    bill = distribution.keep(b" " * 200_000)
    distribution.entries["alone"] = replace(entry, sbom=bill), member
    distribution.publish()
    host.unpack(host.catalogue().verified(["alone"]), lambda _: None)
    arriving = host.blobs.root / "tmp"
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", arriving], check=True)
    try:
        assert install(host, tmp_path / "root", "alone").number == 1
    finally:
        subprocess.run(["umount", arriving], check=True)
    assert not host.blobs.has(bill.digest)
    install(host, tmp_path / "other", "alone")
    assert host.blobs.has(bill.digest)


def test_links_are_the_same_from_inside_and_outside(
    distribution: SmallDistribution, host: Host, tmp_path: Path
) -> None:
    subscribe(host, distribution)
    root = tmp_path / "root"
    install(host, root, "greet")
    for link in [path for path in root.rglob("*") if path.is_symlink()]:
        assert not str(link.readlink()).startswith("/")
        assert link.resolve().is_relative_to(root.resolve())


def test_a_second_state_is_a_new_generation_beside_the_old(
    distribution: SmallDistribution, host: Host, tmp_path: Path
) -> None:
    subscribe(host, distribution)
    root = tmp_path / "root"
    install(host, root, "alone")
    distribution.package("alone", {"share/alone/file": "other\n"}, version="2.0")
    distribution.publish()
    second = install(host, root, "alone")
    assert second.number == 2
    assert (root / "usr/share/alone/file").read_text() == "other\n"
    assert (root / ".farm/generations/1/usr/share/alone/file").read_text() == "alone\n"


def test_from_a_cache_that_others_may_write_to_nothing_is_taken(
    distribution: SmallDistribution, host: Host, tmp_path: Path
) -> None:
    subscribe(host, distribution)
    install(host, tmp_path / "one", "alone")
    host.cache.root.chmod(0o1777)
    with refuses("not-own-directory"):
        install(host, tmp_path / "two", "alone")
    assert not (tmp_path / "two").exists()


def _append(package: Path) -> None:
    file = package / "share/alone/file"
    file.chmod(0o644)
    file.write_text("alone\nand more\n")


def _write_as_much(package: Path) -> None:
    file = package / "share/alone/file"
    file.chmod(0o644)
    file.write_text("other\n")
    file.chmod(0o444)


@pytest.mark.parametrize(
    "alter",
    [
        _append,
        _write_as_much,
        lambda package: shutil.rmtree(package / "share"),
        lambda package: (package / "share/alone/file").chmod(0o4444),
        lambda package: (package / "share/more").symlink_to("alone"),
        lambda package: (package / "share/alone").chmod(0o700),
    ],
)
def test_what_was_altered_in_the_cache_is_unpacked_anew(
    distribution: SmallDistribution, tmp_path: Path, alter: Callable[[Path], None]
) -> None:
    warnings: list[str] = []
    host = Host(tmp_path / "state", tmp_path / "shared", warnings.append)
    subscribe(host, distribution)
    install(host, tmp_path / "one", "greet", "alone")
    assert not warnings
    store = next(name for name in host.cache.stores() if name.startswith("alone-"))
    mounted = os.open(host.cache.path(store), os.O_RDONLY)
    alter(host.cache.path(store))
    before = sorted(path.name for path in Path(f"/proc/self/fd/{mounted}").iterdir())
    install(host, tmp_path / "two", "greet", "alone")
    assert warnings == [f"alone in {host.cache.root} changed since it was unpacked there, and is unpacked again"]
    assert (tmp_path / "two/usr/share/alone/file").read_text() == "alone\n"
    assert host.cache.is_intact(store)
    install(host, tmp_path / "three", "greet", "alone")
    assert len(warnings) == 1
    assert sorted(path.name for path in Path(f"/proc/self/fd/{mounted}").iterdir()) == before, "it may be in use"
    os.close(mounted)
    collect_garbage(host, datetime.now(UTC))
    assert not host.cache.aside()


def test_files_are_shared_with_the_cache_of_the_host(
    distribution: SmallDistribution, host: Host, tmp_path: Path
) -> None:
    subscribe(host, distribution)
    install(host, tmp_path / "one", "alone")
    install(host, tmp_path / "two", "alone")
    assert (tmp_path / "one/usr/share/alone/file").stat().st_ino == (
        tmp_path / "two/usr/share/alone/file"
    ).stat().st_ino


def test_a_directory_that_holds_something_else_is_left_alone(
    distribution: SmallDistribution, host: Host, tmp_path: Path
) -> None:
    subscribe(host, distribution)
    (tmp_path / "root" / "usr").mkdir(parents=True)
    with pytest.raises(RootError, match="was not made by farm"):
        install(host, tmp_path / "root", "alone")


def test_two_installs_at_once_both_count(distribution: SmallDistribution, host: Host, tmp_path: Path) -> None:
    subscribe(host, distribution)
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda name: install(host, tmp_path / "root", name), ["alone", "greet"]))
    assert (tmp_path / "root/usr/bin/greet").exists()
    assert (tmp_path / "root/usr/share/alone").exists()


@pytest.mark.parametrize("name", ["tmp", "packages", ".farm"])
def test_no_link_in_a_root_leads_an_install_elsewhere(
    distribution: SmallDistribution, host: Host, tmp_path: Path, name: str
) -> None:
    subscribe(host, distribution)
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RootError, match="was not made by farm"):
        install(host, tmp_path / "root", "alone")
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert (tmp_path / "elsewhere").stat().st_mode & 0o777 == 0o700


def test_a_directory_with_files_of_somebodys_is_no_root(
    distribution: SmallDistribution, host: Host, tmp_path: Path
) -> None:
    subscribe(host, distribution)
    (tmp_path / "root" / "home").mkdir(parents=True)
    with pytest.raises(RootError, match="home already exists"):
        install(host, tmp_path / "root", "alone")


def test_an_unknown_package_is_named_with_its_neighbours(distribution: SmallDistribution, host: Host) -> None:
    subscribe(host, distribution)
    with pytest.raises(UnknownPackageError, match="no package gret") as caught:
        host.catalogue().verified(["gret"])
    assert "greet" in caught.value.remedy


@pytest.mark.parametrize("name", ["\udcff", "é", "", "../greet", "a b"])
def test_what_is_no_name_is_refused_before_it_is_looked_for(
    distribution: SmallDistribution, host: Host, name: str
) -> None:
    subscribe(host, distribution)
    with pytest.raises(InvalidPackageNameError):
        host.catalogue().verified([name])


def test_a_package_of_a_builder_that_is_not_allowed_is_refused(tmp_path: Path, host: Host) -> None:
    distribution = SmallDistribution(tmp_path / "distribution")
    distribution.package("stranger", {"share/x/y": "z"}, signed_by=CryptoSigner.generate_ed25519())
    with pytest.raises(InvalidEnvelopeError, match="no allowed key"):  # the signer itself refuses it
        distribution.publish()
    distribution.publish(checked=False)
    subscribe(host, distribution)
    with pytest.raises(InvalidEnvelopeError, match="no allowed key"):
        host.catalogue().verified(["stranger"])


def test_a_package_from_another_recipe_than_the_release_names_is_refused(tmp_path: Path, host: Host) -> None:
    distribution = SmallDistribution(tmp_path / "distribution")
    distribution.package("other", {"share/x/y": "z"}, recipe=Digest.of(b"another recipe"))
    with pytest.raises(ProvenanceError, match="built from recipe"):
        distribution.publish()
    distribution.publish(checked=False)
    subscribe(host, distribution)
    with pytest.raises(ProvenanceError, match=r"dist.example.org/other 1.0-1 does not match it: .*recipe"):
        host.catalogue().verified(["other"])


def test_a_release_whose_packages_conflict_is_refused_by_the_client_too(tmp_path: Path, host: Host) -> None:
    distribution = SmallDistribution(tmp_path / "distribution")
    distribution.package("one", {"bin/tool": "1"}, requires=("package:two",))
    distribution.package("two", {"bin/tool": "2"})
    with refuses("unproven-set", match=r"one 1.0-1 and two 1.0-1 both claim /usr/bin/tool"):
        distribution.publish()
    distribution.publish(checked=False)
    subscribe(host, distribution)
    with pytest.raises(BrokenReleaseError, match=r"one 1.0-1 and two 1.0-1 both claim /usr/bin/tool"):
        host.catalogue().verified(["one"])


def test_of_much_that_is_wrong_with_a_release_a_few_things_are_told_line_by_line(tmp_path: Path, host: Host) -> None:
    distribution = SmallDistribution(tmp_path / "distribution")
    others = [f"p{number}" for number in range(7)]
    for name in others:
        distribution.package(name, {f"bin/{name}": ""})
    distribution.package("all", {f"bin/{name}": "" for name in others}, requires=tuple(f"package:{n}" for n in others))
    distribution.publish(checked=False)
    subscribe(host, distribution)
    with pytest.raises(BrokenReleaseError) as caught:
        host.catalogue().verified(["all"])
    first, *lines = caught.value.message.splitlines()
    assert first == "the packages of release 1 of edge are incompatible:"
    assert lines == [*(f"  all 1.0-1 and {n} 1.0-1 both claim /usr/bin/{n}" for n in others[:5]), "  and 2 more"]


def test_one_byte_altered_in_any_file_that_an_install_fetches_stops_it(
    distribution: SmallDistribution, tmp_path: Path
) -> None:
    files = fetched_files(distribution, "greet", "say")
    assert len(files) >= 4 + 2 + 13
    for number, path in enumerate(files):
        host = Host(tmp_path / f"state{number}", tmp_path / f"shared{number}")
        subscribe(host, distribution)
        root = tmp_path / f"root{number}"
        with one_byte_altered(path), pytest.raises(FarmError) as caught:
            install(host, root, "greet")
        assert caught.value.remedy, f"{path.name}: {caught.value}"
        assert not (root / ".farm" / "current").exists()
        install(host, root, "greet")


def test_the_wrong_fingerprint_subscribes_to_nothing(distribution: SmallDistribution, host: Host) -> None:
    with pytest.raises(FarmError, match="fingerprint"):
        host.subscriptions.subscribe(str(distribution.public), "edge", Digest.of(b"other"))
    assert host.subscriptions.all() == ()
