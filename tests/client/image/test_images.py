"""An image is its packages, its maker's files and its settings: made, inspected, compared, and changed one by one."""

from __future__ import annotations

import json
import random
import tarfile
from typing import TYPE_CHECKING, Any

import pytest
from spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser import JsonLikeDictParser
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from farm.client.image.diff import Side, compare
from farm.client.image.known_image import NotOfPackagesError, UnknownImageError, open_image
from farm.client.image.package_set import PackageDescriptions
from farm.client.image.records import ImageRecord, ImageRecords
from farm.client.image.replacement import UpdateRefusedError
from farm.client.image.user_layer import own_files_of
from farm.client.repository.host import Host
from farm.core.names.digest import Digest
from farm.core.sets.members.set_record import SetRecord
from farm.oci.layout import read_layout, update_layout, write_layout
from farm.oci.own_files import own_files
from farm.oci.package_layers import MOST_PACKAGE_LAYERS
from farm.store.blobs import BlobStore
from tests.client.distribution import SmallDistribution
from tests.client.images import build, subscribe, update
from tests.client.layouts import compress
from tests.core.advisories.osv_documents import osv
from tests.foreign.neighbours import announce
from tests.refusing import refuses

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def subscribed(distribution: SmallDistribution, host: Host) -> Host:
    subscribe(host, distribution)
    return host


def config_of(host: Host, image: ImageRecord) -> Any:
    return json.loads(host.blobs.read(image.image.config.digest))


def mine(folder: Path, files: dict[str, str]) -> Path:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)
    return folder


def test_the_same_set_is_the_same_image_in_any_order_and_on_another_host(
    distribution: SmallDistribution, tmp_path: Path
) -> None:
    names = ["alone", "greet", "say"]
    digests = set()
    for number in range(4):
        random.Random(number).shuffle(names)
        host = Host(tmp_path / f"state{number}", tmp_path / f"shared{number}")
        subscribe(host, distribution)
        app = mine(tmp_path / f"checkout{number}" / "app", {"serve": "#!/usr/bin/say\n", ".git/HEAD": str(number)})
        (app / "serve").chmod(0o700 + number)
        digests.add(build(host, *names, own=own_files([(app, "app")], host.blobs)).digest)
    assert len(digests) == 1


def test_an_image_says_itself_what_it_holds(subscribed: Host) -> None:
    image = build(subscribed, "greet")
    labels = config_of(subscribed, image)["config"]["Labels"]
    record = SetRecord.from_json(labels["farm.record"].encode())
    assert [package.name.short for package in record.packages] == ["greet", "say"]
    assert record.asked == ("greet",)
    assert record.releases == ()
    assert labels["farm.set"] == record.digest == image.record.digest
    assert [str(release) for release in image.record.releases] == ["dist.example.org/edge@1"]


def test_the_same_set_of_another_release_is_the_same_image(distribution: SmallDistribution, subscribed: Host) -> None:
    first = build(subscribed, "greet")
    distribution.package("alone", {"share/alone/file": "other\n"}, version="2.0")
    distribution.publish()
    second = build(subscribed, "greet")
    assert second.digest == first.digest
    assert [release.number for release in second.record.releases] == [2]


def test_own_files_lie_where_they_are_told_to_with_nothing_of_their_maker(subscribed: Host, tmp_path: Path) -> None:
    app = mine(tmp_path / "app", {"serve": "x", "data/a": "a", ".git/config": "secret"})
    (app / "serve").chmod(0o775)
    (app / "link").symlink_to("/usr/bin/say")
    own = own_files([(app, "srv/app"), (mine(tmp_path / "root", {"bin/tool": "t", "tmp/x": ""}), "")], subscribed.blobs)
    with tarfile.open(subscribed.blobs.path(own.layer.blob.digest)) as tar:
        found = {member.name.rstrip("/"): member for member in tar}
    assert sorted(found) == [
        "srv", "srv/app", "srv/app/data", "srv/app/data/a", "srv/app/link", "srv/app/serve", "tmp/x", "usr", "usr/bin",
        "usr/bin/tool",
    ]  # fmt: skip
    assert {(member.uid, member.gid, member.mtime, member.uname) for member in found.values()} == {
        (0, 0, 315532800, "")
    }
    assert found["srv/app/serve"].mode == 0o755
    assert found["srv/app/data/a"].mode == 0o644
    assert build(subscribed, "say", own=own).image.layers[-2] == own.layer


@pytest.mark.parametrize(
    "path", ["usr/bin/say", "bin/say", "etc/say.conf", "usr/share/greet/words/hello", "usr/share/greet"]
)
def test_own_files_never_win_over_a_package_by_order(subscribed: Host, tmp_path: Path, path: str) -> None:
    own = own_files([(mine(tmp_path / "root", {path: "mine"}), "")], subscribed.blobs)
    with refuses("own-file-conflict") as caught:
        build(subscribed, "greet", own=own)
    assert "your own files" in str(caught.value)
    assert any(owner in str(caught.value) for owner in ("say 1.0-1", "greet 1.0-1"))


def test_a_directory_that_both_have_is_shared_and_not_folded(subscribed: Host, tmp_path: Path) -> None:
    own = own_files([(mine(tmp_path / "root", {"usr/share/greet/words/mine": "m"}), "")], subscribed.blobs)
    image = build(subscribed, "greet", own=own)
    with tarfile.open(subscribed.blobs.path(image.image.layers[-3].blob.digest)) as tar:
        assert tar.getmember("usr/share/greet/words").isdir()
        assert tar.getmember("usr/share/greet/words/hello").issym()


def test_own_files_stand_in_place_of_a_package_that_they_replace(subscribed: Host, tmp_path: Path) -> None:
    own = own_files([(mine(tmp_path / "root", {"etc/say.conf": "quiet"}), "")], subscribed.blobs)
    image = build(subscribed, "greet", own=own, replaces=["say"], name="x:1")
    with tarfile.open(subscribed.blobs.path(image.image.layers[-3].blob.digest)) as tar:
        assert "etc/say.conf" not in tar.getnames()
    with refuses("own-file-conflict"):
        build(subscribed, "greet", own=own, replaces=["greet"])


def test_an_update_takes_nothing_away_that_an_image_runs(distribution: SmallDistribution, subscribed: Host) -> None:
    build(subscribed, "greet", name="greet:1", entrypoint=("greet",), command=("gone",))
    build(subscribed, "greet", name="broken:1", command=("never-there",))
    distribution.package("greet", {"bin/welcome": "#!/usr/bin/say\n"}, version="2.0")
    distribution.publish()
    with refuses("no-such-command") as caught:
        update(subscribed, "greet:1", "greet")
    assert caught.value.message == "this change breaks the command of the image: the image has no command 'greet'"
    assert update(subscribed, "greet:1", "greet", override="nobody starts it") is not None
    assert update(subscribed, "broken:1", "greet") is not None


def test_one_package_is_changed_and_only_its_layer_and_what_is_computed_of_the_set(
    distribution: SmallDistribution, subscribed: Host, tmp_path: Path
) -> None:
    own = own_files([(mine(tmp_path / "app", {"a": "a"}), "app")], subscribed.blobs)
    before = build(
        subscribed, "greet", "alone", own=own, name="x:1", user="7", labels=(("mine", "1"),), ports=("1/tcp",)
    )
    distribution.package("say", {"bin/say": "\x7fnot elf either", "etc/say.conf": "loud\n"}, version="1.1")
    distribution.publish()
    found = update(subscribed, "x:1", "say", name="x:2")
    assert found is not None
    assert [str(change) for change in found.changes] == ["say 1.0-1 → 1.1-1"]
    assert found.trial.dependents == ("greet",)
    assert found.together == ("greet",)
    assert found.apart == ()
    assert [release.number for release in found.made.record.releases] == [2]  # which holds all of it
    old, new = set(before.image.diff_ids), set(found.made.image.diff_ids)
    assert len(old) == len(new) == 6
    assert len(new - old) == 3  # the package, the links, the description
    assert (
        found.made.image
        == build(subscribed, "greet", "alone", own=own, user="7", labels=(("mine", "1"),), ports=("1/tcp",)).image
    )


def test_an_image_between_two_releases_is_said_to_be_of_both(distribution: SmallDistribution, subscribed: Host) -> None:
    build(subscribed, "greet", "alone", name="x:1")
    distribution.package("say", {"bin/say": "new", "etc/say.conf": "loud\n"}, version="1.1")
    distribution.package("greet", {"bin/greet": "#!/usr/bin/say\n# new\n"}, version="1.1")
    distribution.publish()
    found = update(subscribed, "x:1", "say")
    assert found is not None
    assert [release.number for release in found.made.record.releases] == [1, 2]
    assert found.apart == ("greet",)
    assert found.together == ()


def test_no_layer_that_stays_is_read(distribution: SmallDistribution, subscribed: Host) -> None:
    before = build(subscribed, "greet", "alone", name="x:1")
    distribution.package("say", {"bin/say": "new", "etc/say.conf": "loud\n"}, version="1.1")
    distribution.publish()
    for layer in before.image.layers:
        subscribed.blobs.delete(layer.blob.digest)
    found = update(subscribed, "x:1", "say")
    assert found is not None
    held = [layer.holds for layer in found.made.image.layers if subscribed.blobs.has(layer.blob.digest)]
    assert [content.partition("-")[0] for content in held] == ["say", "links", "description"]


def test_groups_of_packages_that_stay_are_not_joined_anew(tmp_path: Path, host: Host) -> None:
    distribution = SmallDistribution(tmp_path / "many")
    names = [f"p{number}" for number in range(MOST_PACKAGE_LAYERS + 8)]
    for number, name in enumerate(names):
        distribution.package(name, {f"share/{name}/file": "x" * (1000 - number)})
    distribution.publish()
    subscribe(host, distribution)
    before = build(host, *names, name="x:1")
    smallest = names[-1]
    distribution.package(smallest, {f"share/{smallest}/file": "y"}, version="2.0")
    distribution.publish()
    group = next(layer for layer in before.image.layers if f"{smallest}-1.0-" in layer.holds)
    others = [layer for layer in before.image.layers if " " in layer.holds and layer != group]
    assert others
    for store in (held for layer in others for held in layer.holds.split()):
        host.blobs.delete(distribution.entries[store.partition("-")[0]][0].archive.digest)
    found = update(host, "x:1", smallest)
    assert found is not None
    assert len(set(found.made.image.diff_ids) - set(before.image.diff_ids)) == 3


def test_nothing_newer_is_nothing(subscribed: Host) -> None:
    build(subscribed, "greet", name="x:1")
    assert update(subscribed, "x:1", "say") is None


def test_an_older_version_is_found_in_the_release_that_had_it(
    distribution: SmallDistribution, subscribed: Host
) -> None:
    first = build(subscribed, "alone", name="x:1")
    for number in (2, 3):
        distribution.package("alone", {"share/alone/file": f"{number}\n"}, version=f"{number}.0")
        distribution.publish()
    update(subscribed, "x:1", "alone", name="x:3")
    back = update(subscribed, "x:3", "alone", to="1.0")
    assert back is not None
    assert back.made.image.digest == first.digest
    with refuses("no-such-version", match=r"holds alone 9") as caught:
        update(subscribed, "x:1", "alone", to="9")
    assert "3.0-1, 2.0-1, 1.0-1" in caught.value.remedy


def test_an_update_that_breaks_a_dependent_is_refused_with_what_would_hold(
    distribution: SmallDistribution, subscribed: Host
) -> None:
    before = build(subscribed, "greet", name="x:1")
    distribution.package("say", {"bin/shout": "no say any more"}, version="2.0")
    distribution.package("greet", {"bin/greet": "#!/usr/bin/shout\n"}, version="2.0")
    distribution.publish()
    with pytest.raises(UpdateRefusedError, match=r"greet 1.0-1: bin/greet is run by /usr/bin/say") as caught:
        update(subscribed, "x:1", "say")
    assert caught.value.also == ("greet",)
    assert "greet" in caught.value.remedy
    assert [record.digest for record in ImageRecords(subscribed.state).all()] == [before.digest]
    both = update(subscribed, "x:1", "say", "greet")
    assert both is not None
    assert len(both.changes) == 2


def test_what_a_new_build_needs_more_comes_in_and_what_nothing_needs_goes(
    distribution: SmallDistribution, subscribed: Host
) -> None:
    build(subscribed, "greet", name="x:1")
    distribution.package("speak", {"bin/speak": "x"})
    distribution.package("greet", {"bin/greet": "#!/usr/bin/speak\n"}, version="2.0")
    distribution.publish()
    found = update(subscribed, "x:1", "greet")
    assert found is not None
    assert [package.name.short for package in found.made.record.packages] == ["greet", "speak"]
    assert found.made.image == build(subscribed, "greet").image


def test_a_package_that_the_image_lacks_is_told_with_its_neighbours(subscribed: Host) -> None:
    build(subscribed, "greet", name="x:1")
    with refuses("not-in-image") as caught:
        update(subscribed, "x:1", "gret")
    assert "greet" in caught.value.remedy


def test_an_image_is_found_by_digest_id_and_name_and_in_a_layout(subscribed: Host, tmp_path: Path) -> None:
    image = build(subscribed, "greet", name="x:1")
    write_layout(image.image, subscribed.blobs, tmp_path / "oci", reference="x:1", referrers=image.referrers)
    for name in (image.digest, image.image.image_id, "x:1", str(tmp_path / "oci"), f"{tmp_path}/oci:1"):
        assert open_image(name, subscribed, None).digest == image.digest
    elsewhere = Host(tmp_path / "elsewhere", tmp_path / "others")
    found = open_image(str(tmp_path / "oci"), elsewhere, None)
    assert found.record.digest == image.record.digest
    with pytest.raises(UnknownImageError):
        open_image("y:1", subscribed, None)


def test_a_layout_that_farm_did_not_make_says_so(tmp_path: Path, host: Host) -> None:
    layout = mine(tmp_path / "oci", {"oci-layout": "{}"})
    store = BlobStore(tmp_path / "blobs")
    config = b'{"architecture":"amd64","config":{},"history":[],"os":"linux","rootfs":{"diff_ids":[],"type":"layers"}}'
    manifest = json.dumps({"config": {"digest": store.put_bytes(config), "size": len(config)}, "layers": []}).encode()
    entry = {
        "digest": store.put_bytes(manifest),
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "size": len(manifest),
    }
    for content in (config, manifest):
        (layout / "blobs/sha256").mkdir(parents=True, exist_ok=True)
        (layout / "blobs/sha256" / store.put_bytes(content).hex).write_bytes(content)
    (layout / "index.json").write_text(json.dumps({"manifests": [entry]}))
    with pytest.raises(NotOfPackagesError):
        open_image(str(layout), host, None)


def test_a_layout_is_changed_on_a_host_that_did_not_make_it(
    distribution: SmallDistribution, subscribed: Host, tmp_path: Path
) -> None:
    own = own_files([(mine(tmp_path / "app", {"a": "a"}), "app")], subscribed.blobs)
    image = build(subscribed, "greet", own=own)
    write_layout(image.image, subscribed.blobs, tmp_path / "oci", reference="x:1", referrers=image.referrers)
    distribution.package("say", {"bin/say": "new", "etc/say.conf": "loud\n"}, version="1.1")
    distribution.publish()
    elsewhere = Host(tmp_path / "elsewhere", tmp_path / "others")
    subscribe(elsewhere, distribution)
    known = open_image(str(tmp_path / "oci"), elsewhere, None)
    found = update(elsewhere, str(tmp_path / "oci"), "say")
    assert found is not None
    archives = [part.archive.digest for part in found.parts if elsewhere.blobs.has(part.archive.digest)]
    assert archives == [distribution.entries["say"][0].archive.digest]
    update_layout(
        found.made.image, elsewhere.blobs, tmp_path / "oci", instead_of=known.digest, reference=known.reference
    )
    assert read_layout(tmp_path / "oci").manifest == found.made.image.manifest
    assert found.made.image == build(subscribed, "greet", own=own).image


def test_own_files_that_another_tool_compressed_are_the_same_files(subscribed: Host, tmp_path: Path) -> None:
    own = own_files([(mine(tmp_path / "app", {"a": "a"}), "app")], subscribed.blobs)
    image = build(subscribed, "alone", own=own)
    write_layout(image.image, subscribed.blobs, tmp_path / "oci", reference="x:1")
    compress(tmp_path / "oci")
    elsewhere = Host(tmp_path / "elsewhere", tmp_path / "others")
    assert own_files_of(open_image(str(tmp_path / "oci"), elsewhere, None), elsewhere.blobs, None) == own


def test_two_images_are_compared_by_packages_files_and_settings(
    distribution: SmallDistribution, subscribed: Host, tmp_path: Path
) -> None:
    build(subscribed, "greet", "alone", name="x:1", user="1")
    distribution.package("say", {"bin/say": "new", "etc/say.conf": "loud\n", "share/say/more": ""}, version="1.1")
    distribution.publish()
    own = own_files([(mine(tmp_path / "app", {"a": "a"}), "app")], subscribed.blobs)
    build(subscribed, "greet", name="x:2", user="2", own=own)
    sides = []
    for name in ("x:1", "x:2"):
        known = open_image(name, subscribed, None)
        found = own_files_of(known, subscribed.blobs, None)
        sides.append(Side(known, PackageDescriptions(subscribed).parts(known), found.manifest if found else None))
    diff = compare(subscribed, *sides)
    assert [str(package) for package in diff.packages] == ["alone 1.0-1, gone", "say 1.0-1 → 1.1-1"]
    assert [(file.package.rpartition("/")[2], file.path, file.change) for file in diff.files] == [
        ("alone", "share/alone/file", "removed"),
        ("say", "bin/say", "changed"),
        ("say", "share/say/more", "added"),
        ("", "app/a", "added"),
    ]
    assert diff.settings == ("user",)
    assert diff.advisories is None
    assert compare(subscribed, sides[0], sides[0]).is_empty


def test_a_comparison_tells_which_advisories_are_fixed_and_which_are_new(
    distribution: SmallDistribution, subscribed: Host
) -> None:
    build(subscribed, "say", "alone", name="x:1")
    distribution.package("say", {"bin/say": "new", "etc/say.conf": "loud\n"}, version="1.1")
    distribution.publish()
    announce(
        distribution,
        osv(id="EXAMPLE-2026-1", package="say", fixed="1.1-1"),
        osv(id="EXAMPLE-2026-2", package="say", fixed="").replace(b'"introduced": "0"', b'"introduced": "1.1-1"'),
        osv(id="EXAMPLE-2026-3", package="alone", fixed=""),
    )
    update(subscribed, "x:1", "say", name="x:2")
    sides = []
    for name in ("x:1", "x:2"):
        known = open_image(name, subscribed, None)
        sides.append(Side(known, PackageDescriptions(subscribed).parts(known), None))
    changes = compare(subscribed, *sides).advisories
    assert changes is not None
    assert [(change.package, change.advisory, change.change) for change in changes] == [
        ("say", "EXAMPLE-2026-1", "fixed"),
        ("say", "EXAMPLE-2026-2", "new"),
    ]


def test_records_outlive_the_process_and_a_name_leads_to_one_image(
    distribution: SmallDistribution, subscribed: Host
) -> None:
    first = build(subscribed, "greet", name="x:1")
    assert ImageRecord.from_dict(json.loads(first.to_json())) == first
    second = build(subscribed, "alone", name="x:1")
    records = ImageRecords(subscribed.state)
    assert records.find("x:1") == second
    again = records.find(first.digest)
    assert again is not None
    assert again.names == ()


def test_bill_of_materials_release_and_provenance_refer_to_the_image(subscribed: Host, tmp_path: Path) -> None:
    own = own_files([(mine(tmp_path / "app", {"a": "a"}), "app")], subscribed.blobs)
    image = build(subscribed, "greet", own=own)
    manifests = [json.loads(subscribed.blobs.read(referrer.manifest.digest)) for referrer in image.referrers]
    assert {manifest["subject"]["digest"] for manifest in manifests} == {image.digest}
    types = [manifest["artifactType"] for manifest in manifests]
    assert types == [
        "application/spdx+json",
        "application/vnd.farm.release.v1+json",
        "application/vnd.dsse.envelope.v1+json",
    ]
    content = subscribed.blobs.read(Digest(manifests[0]["layers"][0]["digest"]))
    sbom = json.loads(content)
    assert validate_full_spdx_document(JsonLikeDictParser().parse(sbom), "SPDX-2.3") == []
    assert [package["name"] for package in sbom["packages"]] == ["image", "greet", "say", "own files"]
    assert [package["externalRefs"][-1]["referenceLocator"] for package in sbom["packages"][1:3]] == [
        f"pkg:generic/dist.example.org/{name}@1.0-1" for name in ("greet", "say")
    ]
    assert str(image.record.releases[0].release) in sbom["packages"][0]["comment"]
    assert sbom["packages"][0]["checksums"][0]["checksumValue"] == image.digest.hex
    depends = [
        relationship for relationship in sbom["relationships"] if relationship["relationshipType"] == "DEPENDS_ON"
    ]
    assert [(depend["spdxElementId"], depend["relatedSpdxElement"]) for depend in depends] == [
        ("SPDXRef-Package-greet", "SPDXRef-Package-say")
    ]
    assert len(manifests[2]["layers"]) == 2
