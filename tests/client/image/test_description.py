"""How an image describes itself: to scanners, which find exactly its set, and alongside the maker's own files."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import tarfile
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser import JsonLikeDictParser
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from farm.client.audit.verification_image import verify_image
from farm.client.image.description import os_release
from farm.client.image.known_image import open_image
from farm.client.image.records import ImageRecords
from farm.client.image.repair import repair_image
from farm.container.image_store import ImageStore
from farm.container.sandbox import connect
from farm.core.names.digest import Digest
from farm.core.names.package_name import PackageName
from farm.core.sets.members.set_record import PlacedPackage, SetRecord
from farm.oci.image_archive import image_archive
from farm.oci.layout import image_index, index_entry, read_layout, update_layout, write_layout
from farm.oci.own_files import own_files
from farm.oci.referrers import referrers_index, referrers_tag
from farm.oci.root_layers import OS_RELEASE, SET_SBOM
from tests.client.images import NOW, build, subscribe, update
from tests.oci.syft import needs_syft, syft

if TYPE_CHECKING:
    from pathlib import Path

    from farm.client.image.records import ImageRecord
    from farm.client.repository.host import Host
    from tests.client.distribution import SmallDistribution

SET = {
    "alone": "pkg:generic/dist.example.org/alone@1.0-1",
    "greet": "pkg:generic/dist.example.org/greet@1.0-1",
    "say": "pkg:generic/dist.example.org/say@1.0-1",
}


@pytest.fixture
def subscribed(distribution: SmallDistribution, host: Host) -> Host:
    subscribe(host, distribution)
    return host


def described(host: Host, image: ImageRecord) -> dict[str, bytes]:
    """The files of the last layer."""
    with tarfile.open(host.blobs.path(image.image.layers[-1].blob.digest)) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}  # type: ignore[union-attr]


def placed(name: str, channel: str) -> PlacedPackage:
    package = PackageName.parse(name)
    return PlacedPackage(package, "1", 1, Digest.of(name.encode()), f"{package.short}-1-x", channel)


def found_by(said: dict[str, Any]) -> dict[str, str]:
    return {artifact["name"]: artifact["purl"] for artifact in said["artifacts"]}


@needs_syft
def test_syft_lists_exactly_the_set_of_a_layout(subscribed: Host, tmp_path: Path) -> None:
    image = build(subscribed, "greet", "alone")
    write_layout(image.image, subscribed.blobs, tmp_path / "oci", reference="x:1", referrers=image.referrers)
    said = syft(f"oci-dir:{tmp_path}/oci", tmp_path)
    assert found_by(said) == SET
    assert (said["distro"]["id"], said["distro"]["versionID"]) == ("dist.example.org", "edge")
    assert {of["value"] for artifact in said["artifacts"] for of in artifact["licenses"]} == {"MIT"}
    assert found_by(syft(f"oci-dir:{tmp_path}/oci", tmp_path, "--select-catalogers", "+sbom-cataloger")) == SET
    before = build(subscribed, "greet", "alone", described=False)
    write_layout(before.image, subscribed.blobs, tmp_path / "before")
    assert found_by(syft(f"oci-dir:{tmp_path}/before", tmp_path)) == {}


@needs_syft
@pytest.mark.docker
def test_syft_lists_exactly_the_set_of_an_image_in_docker(subscribed: Host, tmp_path: Path) -> None:
    client, name = connect(os.environ.get("DOCKER_HOST", "")), f"farm-test/{secrets.token_hex(6)}:1"
    image = build(subscribed, "greet", "alone", name=name)
    archive = partial(image_archive, image.image, subscribed.blobs, reference=name)
    ImageStore(client).load(image.image, archive, reference=name)
    try:
        assert found_by(syft(f"docker:{name}", tmp_path)) == SET
    finally:
        client.remove_image(name, force=True)


def test_the_document_in_the_image_is_valid_and_the_same_in_every_release(
    distribution: SmallDistribution, subscribed: Host
) -> None:
    image = build(subscribed, "greet", "alone")
    document = json.loads(described(subscribed, image)[SET_SBOM])
    assert validate_full_spdx_document(JsonLikeDictParser().parse(document), "SPDX-2.3") == []
    assert [package["name"] for package in document["packages"]] == ["alone", "greet", "say"]
    needs = [
        relationship for relationship in document["relationships"] if relationship["relationshipType"] == "DEPENDS_ON"
    ]
    assert [(need["spdxElementId"], need["relatedSpdxElement"]) for need in needs] == [
        ("SPDXRef-Package-greet", "SPDXRef-Package-say")
    ]
    distribution.package("other", {"share/other": "x"})
    distribution.publish()
    assert build(subscribed, "greet", "alone").digest == image.digest


def test_the_layer_is_small_and_the_last_and_changes_no_other(
    distribution: SmallDistribution, subscribed: Host
) -> None:
    image = build(subscribed, "greet", "alone")
    before = build(subscribed, "greet", "alone", described=False)
    assert image.image.layers[:-1] == before.image.layers
    assert image.image.layers[-1].blob.size < 32 << 10


def test_os_release_lies_over_a_packages_and_gives_way_to_the_makers(
    distribution: SmallDistribution, subscribed: Host, tmp_path: Path
) -> None:
    (tmp_path / "own" / "etc").mkdir(parents=True)
    (tmp_path / "own" / "etc" / "os-release").write_text("ID=mine\n")
    own = own_files([(tmp_path / "own", "")], subscribed.blobs)
    assert described(subscribed, build(subscribed, "greet", own=own)).keys() == {SET_SBOM}
    distribution.package("base", {"usr/lib/os-release": "ID=base\n", "etc/os-release": "ID=base\n"})
    distribution.publish()
    image = build(subscribed, "base")
    links = image.image.layers[-2]
    with tarfile.open(subscribed.blobs.path(links.blob.digest)) as tar:
        assert tar.getmember(OS_RELEASE).issym()
    assert b"ID=dist.example.org\n" in described(subscribed, image)[OS_RELEASE]


def test_os_release_says_whose_set_it_is_of_which_channel_and_which() -> None:
    one = SetRecord((), (placed("dist.example.org/a", "dist.example.org/edge"),))
    assert os_release(one) == (
        'NAME="dist.example.org"\nID=dist.example.org\nPRETTY_NAME="dist.example.org edge"\nVERSION_ID=edge\n'
        f"IMAGE_VERSION={one.digest.hex}\n"
    )
    several = SetRecord((), (*one.packages, placed("dist.example.org/b", "dist.example.org/stable")))
    assert os_release(several).startswith('NAME="dist.example.org"\nID=dist.example.org\n')
    assert "VERSION_ID" not in os_release(several)
    of_none = SetRecord((), (placed("mine.example.org/a", ""), placed("mine.example.org/b", "")))
    assert os_release(of_none).startswith('NAME="mine.example.org"\nID=mine.example.org\n')
    odd = SetRecord((), (placed("dist.example.org/a", "dist.example.org/e+dge"),))
    assert "VERSION_ID=e-dge\n" in os_release(odd)


def test_an_image_of_before_is_verified_as_it_is_and_an_update_describes_it(
    distribution: SmallDistribution, subscribed: Host
) -> None:
    build(subscribed, "greet", "alone", name="old:1", described=False)
    assert verify_image(subscribed, open_image("old:1", subscribed, None), None, None).faults == ()
    distribution.package("say", {"bin/say": "new", "etc/say.conf": "loud\n"}, version="1.1")
    distribution.publish()
    found = update(subscribed, "old:1", "say", name="old:2")
    assert found is not None
    assert found.made.image == build(subscribed, "greet", "alone").image
    assert verify_image(subscribed, open_image("old:2", subscribed, None), None, None).faults == ()


def test_documents_that_another_version_wrote_are_written_anew_where_they_are_lost(subscribed: Host) -> None:
    image = build(subscribed, "greet", name="x:1")
    other = image.referrers[0].manifest
    document = {**json.loads(subscribed.blobs.read(other.digest)), "annotations": {"of": "another version"}}
    content = json.dumps(document).encode()
    lost = type(other)(Digest.of(content), len(content))
    records = ImageRecords(subscribed.state)
    referrers = (type(image.referrers[0])(lost, "application/spdx+json", {}, ()), *image.referrers[1:])
    records.forget(image)
    records.keep(replace(image, made=NOW, names=("x:1",), referrers=referrers))
    repair_image(subscribed, open_image("x:1", subscribed, None), None)
    found = records.find("x:1")
    assert found is not None
    assert found.referrers == image.referrers


def test_a_layout_of_before_is_read_and_an_update_takes_the_lists_out_of_its_index(
    distribution: SmallDistribution, subscribed: Host, tmp_path: Path
) -> None:
    image = build(subscribed, "greet", name="x:1")
    other = build(subscribed, "alone")
    layout = tmp_path / "oci"
    write_layout(image.image, subscribed.blobs, layout, reference="x:1", referrers=image.referrers)
    shutil.rmtree(layout / "referrers")
    entries = [index_entry(image.image, "x:1"), index_entry(other.image, "y:2")]
    for image_record in (image, other):
        listed = referrers_index([referrer.descriptor() for referrer in image_record.referrers])
        digest = subscribed.blobs.put_bytes(listed)
        shutil.copyfile(subscribed.blobs.path(digest), layout / "blobs" / "sha256" / digest.hex)
        tag = {"org.opencontainers.image.ref.name": referrers_tag(image_record.digest)}
        kind = "application/vnd.oci.image.index.v1+json"
        entries.append({"annotations": tag, "digest": digest, "mediaType": kind, "size": len(listed)})
    (layout / "index.json").write_bytes(image_index(entries))
    assert read_layout(layout, "1").manifest == image.image.manifest
    distribution.package("say", {"bin/say": "new", "etc/say.conf": "loud\n"}, version="1.1")
    distribution.publish()
    changed = build(subscribed, "greet")
    update_layout(
        changed.image,
        subscribed.blobs,
        layout,
        instead_of=image.digest,
        reference="x:1",
        referrers=changed.referrers,
    )
    index = json.loads((layout / "index.json").read_text())["manifests"]
    assert [manifest["digest"] for manifest in index] == [other.digest, changed.digest]
    beside = json.loads((layout / "referrers" / "index.json").read_text())["manifests"]
    tags = [manifest["annotations"]["org.opencontainers.image.ref.name"] for manifest in beside]
    assert tags == [referrers_tag(other.digest), "1", referrers_tag(changed.digest)]


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="needs skopeo")
def test_skopeo_finds_the_one_image_of_a_layout_without_a_tag(subscribed: Host, tmp_path: Path) -> None:
    image = build(subscribed, "greet")
    write_layout(image.image, subscribed.blobs, tmp_path / "oci", reference="x:1", referrers=image.referrers)
    copy = [
        "skopeo",
        "--insecure-policy",
        "copy",
        "--preserve-digests",
        f"oci:{tmp_path}/oci",
        f"oci:{tmp_path}/copy:1",
    ]
    subprocess.run(copy, check=True, capture_output=True)
    assert read_layout(tmp_path / "copy", "1").manifest == image.image.manifest
