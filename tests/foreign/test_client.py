"""A subscriber of one distribution whose packages need those of another: each is verified against its own root."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from securesystemslib.signer import CryptoSigner

from farm.checker.reading.refusal import RefusedReleaseError
from farm.client.audit.trace import Tracing
from farm.client.repository.catalogue import BrokenReleaseError, UnknownPackageError
from farm.client.repository.download import DownloadError
from farm.client.repository.host import Host, composition_of
from farm.client.repository.subscriptions import SubscriptionError
from farm.core.names.digest import Digest
from farm.errors import FarmError
from farm.trust.attestation.dsse import InvalidEnvelopeError
from farm.trust.untrusted_metadata import UntrustedMetadataError
from tests.client.distribution import SmallDistribution
from tests.client.fetched_files import fetched_files, one_byte_altered
from tests.client.installing import install
from tests.client.web_server import serving
from tests.foreign.neighbours import FIRST, SECOND, Neighbours
from tests.trust.commands import CommandRunner

if TYPE_CHECKING:
    from pathlib import Path

SSL, SAY = f"{FIRST}/openssl", f"{FIRST}/say"


def follow(host: Host, distribution: SmallDistribution) -> None:
    assert distribution.founded is not None
    host.subscriptions.subscribe(str(distribution.public), "edge", distribution.founded.fingerprint)


def names_of(host: Host, *asked: str) -> list[str]:
    return [package.name for package in host.catalogue().verified(asked)]


def refused(host: Host, root: Path, kind: type[FarmError], match: str) -> FarmError:
    """Try to install `web`: nothing may change, and the refusal must name a remedy."""
    with pytest.raises(kind, match=match) as caught:
        install(host, root, "web")
    assert caught.value.remedy
    assert not (root / ".farm" / "current").exists()
    return caught.value


def test_a_package_is_installed_with_what_it_needs_of_another_distribution(
    neighbours: Neighbours, host: Host, tmp_path: Path
) -> None:
    release = neighbours.publish("openssl", "say")
    assert [pin.number for pin in release.imports] == [1]
    follow(host, neighbours.second)
    state = install(host, tmp_path / "root", "web")
    assert sorted(package.name.short for package in state.set.packages) == ["openssl", "say", "web"]
    assert (tmp_path / "root/usr/share/openssl/version").read_text() == "3.0\n"
    assert (tmp_path / "root/usr/bin/say").exists()
    assert names_of(host, "web") == [SSL, SAY, "web"]
    assert not neighbours.second.blobs.has(neighbours.first.entries["openssl"][0].archive.digest)


def test_an_own_package_serves_what_a_foreign_one_requires(neighbours: Neighbours, host: Host, tmp_path: Path) -> None:
    neighbours.second.package("talk", {"bin/say": "\x7fown"})
    neighbours.publish("openssl")
    follow(host, neighbours.second)
    assert names_of(host, "web") == [SSL, "talk", "web"]
    install(host, tmp_path / "root", "web")
    assert (tmp_path / "root/usr/bin/say").read_text() == "\x7fown"


def test_a_foreign_package_can_be_asked_for_by_its_full_name(neighbours: Neighbours, host: Host) -> None:
    neighbours.publish("openssl", "say")
    follow(host, neighbours.second)
    assert names_of(host, SSL) == [SSL, SAY]
    assert names_of(host, f"{SECOND}/web") == [SSL, SAY, "web"]
    with pytest.raises(UnknownPackageError, match=f"no package {FIRST}/unused"):
        names_of(host, f"{FIRST}/unused")
    with pytest.raises(UnknownPackageError, match="no package openssl"):
        names_of(host, "openssl")


def test_own_and_foreign_packages_of_one_name_stand_beside_each_other(
    neighbours: Neighbours, host: Host, tmp_path: Path
) -> None:
    neighbours.second.package("openssl", {"share/own/file": "own"}, requires=(SSL,))
    neighbours.publish("openssl", "say")
    follow(host, neighbours.second)
    verified = host.catalogue().verified(["openssl"])
    assert [package.name for package in verified] == ["openssl", SSL, SAY]
    assert len({package.store for package in verified}) == 3
    assert len(composition_of(verified).packages) == 3
    install(host, tmp_path / "root", "openssl")
    assert (tmp_path / "root/usr/share/own/file").read_text() == "own"
    assert (tmp_path / "root/usr/bin/openssl").exists()


def test_the_pinned_release_is_taken_and_not_the_newest(neighbours: Neighbours, host: Host, tmp_path: Path) -> None:
    neighbours.publish("openssl", "say")
    for version in ("3.1", "3.2"):
        neighbours.first.package("openssl", {"share/openssl/version": version}, version=version)
        neighbours.first.publish()
    follow(host, neighbours.second)
    install(host, tmp_path / "root", "web")
    assert (tmp_path / "root/usr/share/openssl/version").read_text() == "3.0\n"


def test_a_new_pin_brings_the_update(neighbours: Neighbours, host: Host, tmp_path: Path) -> None:
    neighbours.publish("openssl", "say")
    follow(host, neighbours.second)
    install(host, tmp_path / "root", "web")
    neighbours.first.package(
        "openssl", {"bin/openssl": "#!/usr/bin/say\n", "share/openssl/version": "3.1\n"}, version="3.1"
    )
    neighbours.first.publish()
    neighbours.publish("openssl", "say")
    assert install(host, tmp_path / "root", "web").number == 2
    assert (tmp_path / "root/usr/share/openssl/version").read_text() == "3.1\n"


def test_a_mirror_whose_metadata_other_keys_have_signed_is_refused(
    neighbours: Neighbours, host: Host, tmp_path: Path
) -> None:
    neighbours.publish("openssl", "say")
    follow(host, neighbours.second)
    thief = SmallDistribution(tmp_path / "thief", domain=FIRST)
    for name, (entry, member) in neighbours.first.entries.items():
        thief.entries[name] = (entry, member)
    shutil.copytree(neighbours.first.public / "blobs", thief.public / "blobs")
    thief.publish(checked=False)
    first_root = (neighbours.first.public / "metadata/1.root.json").read_bytes()
    (thief.public / "metadata/1.root.json").write_bytes(first_root)
    shutil.rmtree(neighbours.first.public)
    shutil.copytree(thief.public, neighbours.first.public)
    error = refused(host, tmp_path / "root", UntrustedMetadataError, f"taken from {neighbours.address}.*is refused")
    assert isinstance(error, UntrustedMetadataError)
    assert error.reason == "signature"


def test_a_root_that_is_another_than_the_pinned_one_is_refused(
    neighbours: Neighbours, host: Host, tmp_path: Path
) -> None:
    neighbours.publish("openssl", "say")
    follow(host, neighbours.second)
    thief = SmallDistribution(tmp_path / "thief", domain=FIRST)
    thief.package("openssl", {"bin/openssl": "bad"})
    thief.publish()
    shutil.rmtree(neighbours.first.public)
    shutil.copytree(thief.public, neighbours.first.public)
    refused(host, tmp_path / "root", UntrustedMetadataError, "the root metadata has fingerprint")


def test_a_pinned_release_that_is_not_there_is_refused(neighbours: Neighbours, host: Host, tmp_path: Path) -> None:
    never = Digest.of(b"never released")
    neighbours.publish("openssl", "say", release=never)
    follow(host, neighbours.second)
    error = refused(host, tmp_path / "root", UntrustedMetadataError, "does not lead back to it")
    assert never in error.message


def test_a_mirror_that_is_behind_the_pin_says_so(neighbours: Neighbours, host: Host, tmp_path: Path) -> None:
    old = tmp_path / "old"
    shutil.copytree(neighbours.first.public, old)
    neighbours.first.package("openssl", {"bin/openssl": "3.1"}, version="3.1")
    neighbours.first.publish()
    with serving(old) as address:
        neighbours.publish("openssl", address=address)
        follow(host, neighbours.second)
        refused(host, tmp_path / "root", UntrustedMetadataError, r"release 2 of .* the newest that is signed there is")


def test_a_link_of_the_chain_that_is_gone_is_named(neighbours: Neighbours, host: Host, tmp_path: Path) -> None:
    neighbours.publish("openssl", "say")
    pinned = neighbours.first.released
    assert pinned is not None
    neighbours.first.package("more", {"share/more": "x"})
    neighbours.first.publish()
    neighbours.first.blobs.delete(pinned.digest)
    follow(host, neighbours.second)
    refused(host, tmp_path / "root", DownloadError, f"earlier release of {FIRST}/edge.*lacks {pinned.digest}")


def test_another_build_than_the_pinned_one_is_refused(neighbours: Neighbours, host: Host, tmp_path: Path) -> None:
    pin = neighbours.pin(["openssl", "say"])
    packages = tuple(
        type(package)(package.name, Digest.of(b"another build"), package.needs)
        if package.name == "openssl"
        else package
        for package in pin.packages
    )
    neighbours.publish("openssl", "say", checked=False, packages=packages)
    follow(host, neighbours.second)
    refused(
        host, tmp_path / "root", BrokenReleaseError, f"imports {SSL} from release 1 of {FIRST}/edge, which has another"
    )


def test_a_package_of_a_builder_that_its_own_distribution_does_not_allow_is_refused(
    neighbours: Neighbours, host: Host, tmp_path: Path
) -> None:
    stranger = CryptoSigner.generate_ed25519()
    neighbours.first.package("openssl", {"bin/openssl": "bad"}, version="3.1", signed_by=stranger)
    neighbours.first.publish(checked=False)
    # Not even a builder of the importing distribution may attest it.
    neighbours.second.builder = stranger
    neighbours.second.entries.clear()
    neighbours.second.package("web", {"bin/web": "#!/usr/bin/openssl\n"}, requires=(SSL,))
    neighbours.publish("openssl")
    follow(host, neighbours.second)
    refused(host, tmp_path / "root", InvalidEnvelopeError, "no allowed key")


def test_the_repository_of_somebody_else_is_refused(neighbours: Neighbours, host: Host, tmp_path: Path) -> None:
    third = SmallDistribution(tmp_path / "third", domain="third.example")
    third.package("openssl", {"bin/openssl": "other"})
    third.publish()
    assert third.founded is not None
    with serving(third.public) as address:
        neighbours.publish("openssl", "say", address=address, root=third.founded.fingerprint)
        follow(host, neighbours.second)
        refused(host, tmp_path / "root", UntrustedMetadataError, "the repository is that of third.example/edge")


def test_a_host_that_follows_the_distribution_with_another_root_refuses(
    neighbours: Neighbours, host: Host, tmp_path: Path
) -> None:
    thief = SmallDistribution(tmp_path / "thief", domain=FIRST)
    thief.package("openssl", {"bin/openssl": "#!/usr/bin/say\n"})
    thief.package("say", {"bin/say": "bad"})
    thief.publish()
    follow(host, thief)
    neighbours.publish("openssl", "say")
    follow(host, neighbours.second)
    with pytest.raises(SubscriptionError, match=f"this host follows {FIRST}/edge with the root") as caught:
        host.catalogue(f"{SECOND}/edge").verified(["web"])
    assert caught.value.remedy


def test_following_both_with_the_same_root_is_well(neighbours: Neighbours, host: Host) -> None:
    neighbours.publish("openssl", "say")
    follow(host, neighbours.first)
    follow(host, neighbours.second)
    assert [package.name for package in host.catalogue(f"{SECOND}/edge").verified(["web"])] == [SSL, SAY, "web"]


@pytest.mark.parametrize("first", [1, 2])
def test_following_both_is_well_with_two_versions_of_one_root(neighbours: Neighbours, host: Host, first: int) -> None:
    """The owner has signed the step from one root version to the other."""
    keys = CommandRunner(neighbours.first.folder)
    keys.run("draft root --repository public --expires-days 300")
    keys.run("sign root.draft --key keys/offline/root --yes")
    keys.run("publish root.draft --repository public --online keys/online")
    roots = [Digest.of((neighbours.first.public / f"metadata/{number}.root.json").read_bytes()) for number in (1, 2)]
    neighbours.publish("openssl", "say", root=roots[2 - first])
    host.subscriptions.subscribe(str(neighbours.first.public), "edge", roots[first - 1])
    follow(host, neighbours.second)
    assert [package.name for package in host.catalogue(f"{SECOND}/edge").verified(["web"])] == [SSL, SAY, "web"]


def test_when_the_other_is_gone_what_is_installed_goes_on_and_an_install_names_the_address(
    neighbours: Neighbours, host: Host, tmp_path: Path
) -> None:
    neighbours.second.package("alone", {"share/alone/file": "alone"})
    neighbours.publish("openssl", "say")
    follow(host, neighbours.second)
    root = tmp_path / "root"
    install(host, root, "web")
    shutil.rmtree(neighbours.first.public)
    assert (root / "usr/bin/openssl").read_text() == "#!/usr/bin/say\n"
    with pytest.raises(UntrustedMetadataError, match=f"packages of {FIRST} are taken from {neighbours.address}"):
        install(host, tmp_path / "elsewhere", "web")
    install(host, tmp_path / "alone", "alone")  # a package without imports continues as well
    assert (tmp_path / "alone/usr/share/alone/file").read_text() == "alone"


def test_one_byte_altered_in_any_file_of_the_other_stops_an_install(neighbours: Neighbours, tmp_path: Path) -> None:
    neighbours.publish("openssl", "say")
    files = fetched_files(neighbours.first, "openssl", "say")
    assert len(files) >= 4 + 2 + 12
    for number, path in enumerate(files):
        host = Host(tmp_path / f"state{number}", tmp_path / f"shared{number}")
        follow(host, neighbours.second)
        root = tmp_path / f"root{number}"
        with one_byte_altered(path), pytest.raises(FarmError) as caught:
            install(host, root, "web")
        assert caught.value.remedy, f"{path.name}: {caught.value}"
        assert not (root / ".farm" / "current").exists()


def test_the_signer_signs_no_name_of_another(neighbours: Neighbours, tmp_path: Path) -> None:
    thief = SmallDistribution(tmp_path / "thief", domain=SECOND)
    thief.package("web", {"bin/web": "x"})
    thief.publish()
    thief.domain = FIRST
    thief.package("openssl", {"bin/openssl": "bad"})
    thief.domain = SECOND
    with pytest.raises(RefusedReleaseError, match=f"{FIRST}/openssl lies in another namespace than {SECOND}"):
        thief.publish()


def test_the_signer_signs_no_need_that_nothing_meets(neighbours: Neighbours) -> None:
    pin = neighbours.pin(["openssl", "say"])
    (openssl,) = (package for package in pin.packages if package.name == "openssl")
    with pytest.raises(RefusedReleaseError, match=f"{SSL} needs {SAY}, which is not in the release"):
        neighbours.publish("openssl", "say", packages=(openssl,))
    neighbours.publish("openssl", "say")
    foreign = neighbours.foreign(["openssl", "say"])
    with pytest.raises(RefusedReleaseError, match=f"web 1.0-1 requires the package {SSL}, which no"):
        neighbours.second.publish(foreign=foreign)


def test_a_package_of_another_distribution_is_traced_to_its_own_root(neighbours: Neighbours, host: Host) -> None:
    neighbours.publish("openssl", "say")
    follow(host, neighbours.second)
    found = Tracing(host).of_release(host.catalogue(), SSL)
    assert found.release is not None
    assert neighbours.first.founded is not None
    assert found.release.ref.subscription == f"{FIRST}/edge"
    assert found.release.root == neighbours.first.founded.fingerprint
    assert found.release.signers is not None
    assert list(found.release.signers.builders) == [neighbours.first.builder.public_key.keyid]
