"""A release comes with a bill of materials and the materials of each package; a client verifies both."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from securesystemslib.signer import CryptoSigner
from spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser import JsonLikeDictParser
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from farm.api.log_lines import FIELDS, encode_record
from farm.client.audit.sboms import NoSbomError, sbom_of_package, sbom_of_release
from farm.client.repository.catalogue import BrokenReleaseError, Catalogue
from farm.client.repository.download import DownloadError, Downloads
from farm.client.repository.readers import DirectoryReader
from farm.client.repository.sources import write_sources
from farm.core.fileset.manifest import Manifest
from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest
from farm.core.plan.job import BuildOrder
from farm.core.plan.plan import Plan
from farm.server.channels import releases
from farm.server.jobs.finishing import finish_build
from farm.server.jobs.leases import claim
from farm.server.pipeline.pipeline import Pipeline
from farm.store.blobs import BlobStore
from farm.trust.attestation.dsse import sign_statement
from farm.trust.attestation.provenance import BuildRun, build_statement
from farm.trust.ceremony.ceremony import found_repository
from farm.trust.index.release_index import Release
from farm.trust.keys.signers import read_signers
from farm.trust.metadata.builders import AllowedBuilders
from farm.trust.metadata.repository import Repository
from tests.farms.releasing import EDGE, Signer
from tests.farms.small import LOCK, SmallFarm, accept_provenance, recipe
from tests.refusing import refuses

if TYPE_CHECKING:
    from pathlib import Path

    from farm.server.jobs.leases import Lease
    from farm.server.tables.session import Database

ARCHIVE, PATCH = b"the archive of a", b"--- a\n+++ b\n"
DEB, ORIGINAL, LOST = b"libc6.deb", b"what Debian had of upstream", b"a dsc that is gone"
DEBIAN = f"""\
source:
  - from-toolchain: libc6
  - file: glibc_2.41.orig.tar.xz
    sha256: {Digest.of(ORIGINAL).hex}
    origins: [debian: glibc=2.41-12]
    source-of: [libc6]
  - file: glibc_2.41-12.dsc
    sha256: {Digest.of(LOST).hex}
    origins: [debian: glibc=2.41-12]
    source-of: [libc6]
"""
SOURCES = f"""\
source:
  - url: https://example.org/a-1.0.tar.gz
    sha256: {Digest.of(ARCHIVE).hex}
  - file: mend.patch
"""


@dataclass
class Published:
    small: SmallFarm
    folder: Path
    release: Release
    builder: CryptoSigner
    fingerprint: Digest

    @property
    def public(self) -> BlobStore:
        return BlobStore(self.folder / "public" / "blobs")

    def catalogue(self) -> Catalogue:
        downloads = Downloads(DirectoryReader(self.folder / "public"), BlobStore(self.folder / "client"))
        return Catalogue(self.release, lambda: AllowedBuilders([self.builder.public_key], {}), downloads)

    def farm(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command as a subscriber does."""
        environment = os.environ | {"FARM_STATE": str(self.folder / "state"), "FARM_HOST": str(self.folder / "host")}
        command = [sys.executable, "-c", "from farm.cli.main import main; main()", *arguments]
        return subprocess.run(
            command, env=environment, cwd=self.folder, capture_output=True, text=True, check=False, timeout=300
        )

    def write(self) -> Path:
        written = self.folder / "written"
        write_sources(self.catalogue(), "a", written, lambda _path: None)
        return written


@pytest.fixture
def published(database: Database, tmp_path: Path) -> Published:
    return _publish(
        SmallFarm.open(database, tmp_path),
        tmp_path,
        {**recipe("a", needs=("b",), more=SOURCES), "mend.patch": PATCH, "notes.txt": b"named nowhere"},
        recipe("b"),
    )


def _publish(small: SmallFarm, tmp_path: Path, *recipes: dict[str, bytes]) -> Published:
    builder = CryptoSigner.generate_ed25519()
    for uploaded in (ARCHIVE, DEB, ORIGINAL):  # by the worker
        small.application.blobs.put_bytes(uploaded)
    small.submit(*recipes)
    while lease := claim(small.application, small.workers["one"]):
        _finish(small, lease, builder)
    keys = [builder.public_key]
    founded = found_repository(tmp_path / "public", tmp_path / "keys", ["edge"], keys, datetime.now(UTC))
    with small.application.writing() as unit:
        releases.ensure_channel(unit.session, "edge", "{}")
    signer = Signer(Repository(tmp_path / "public"), read_signers(founded.online))
    pipeline = Pipeline(small.application, EDGE, tmp_path / "public", signer)
    while pipeline.advance().state == "open":
        pass
    with small.application.reading() as unit:
        newest = releases.newest_release(unit.session, "edge")
    assert newest is not None
    release = Release.from_json(BlobStore(tmp_path / "public" / "blobs").read(newest.digest))
    return Published(small, tmp_path, release, builder, founded.fingerprint)


def _finish(small: SmallFarm, lease: Lease, builder: CryptoSigner) -> None:
    assert isinstance(lease.order, BuildOrder)
    log = encode_record(dict.fromkeys(FIELDS, "") | {"severity": "info", "text": f"built {lease.order.plan.name}"})
    small.application.logs.append(lease.attempt.id, 0, log, limit=1 << 20)
    outcome = replace(small.outcome(lease), log=Digest.of(log))
    run = BuildRun(builder.public_key.keyid, "attempt", "then", "now", outcome.log, {})
    built = [(package.descriptor, package.archive.digest) for package in outcome.packages]
    order = lease.order
    statement = build_statement(order.plan, order.recipe_digest, built, order.source_origins, run)
    signed = small.application.blobs.put_bytes(sign_statement(statement, builder))
    verified = replace(outcome, provenance=signed)
    finish_build(small.application, small.holder(lease), verified, check_provenance=accept_provenance)


def _faults(content: bytes) -> list[str]:
    document = JsonLikeDictParser().parse(json.loads(content))
    return [fault.validation_message for fault in validate_full_spdx_document(document, "SPDX-2.3")]


def test_the_index_names_a_document_for_each_package_and_the_client_gets_it(published: Published) -> None:
    catalogue = published.catalogue()
    content = sbom_of_package(catalogue, "a")
    named = catalogue.entry("a").sbom
    assert named is not None
    assert Digest.of(content) == named.digest
    assert _faults(content) == []
    assert [package["name"] for package in json.loads(content)["packages"]] == [
        "a", "a-1.0.tar.gz", "mend.patch", "toolchain", "b",
    ]  # fmt: skip


def test_the_document_of_a_release_names_all_its_packages_and_their_documents(published: Published) -> None:
    content = sbom_of_release(published.catalogue())
    assert _faults(content) == []
    assert content == sbom_of_release(published.catalogue())
    document = json.loads(content)
    assert {package["name"]: package["licenseDeclared"] for package in document["packages"]} == {"a": "MIT", "b": "MIT"}
    purls = [package["externalRefs"][0]["referenceLocator"] for package in document["packages"]]
    assert purls == [f"pkg:generic/{published.catalogue().release.distribution}/{name}@1.0-1" for name in ("a", "b")]
    references = {
        externaldocumentref["externalDocumentId"]: externaldocumentref
        for externaldocumentref in document["externalDocumentRefs"]
    }
    sbom = published.catalogue().entry("a").sbom
    assert sbom is not None
    assert references["DocumentRef-a"]["checksum"] == {"algorithm": "SHA256", "checksumValue": sbom.digest.hex}
    assert (
        json.loads(sbom_of_package(published.catalogue(), "a"))["documentNamespace"]
        == (references["DocumentRef-a"]["spdxDocument"])
    )


def test_a_document_of_something_else_is_refused(published: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = published.catalogue()
    swapped = replace(catalogue.entry("a"), sbom=catalogue.entry("b").sbom)
    monkeypatch.setattr(Catalogue, "entry", lambda _self, _name: swapped)
    with pytest.raises(BrokenReleaseError, match="describes something else"):
        sbom_of_package(catalogue, "a")
    without = replace(swapped, sbom=None)
    monkeypatch.setattr(Catalogue, "entry", lambda _self, _name: without)
    with pytest.raises(NoSbomError):
        sbom_of_package(catalogue, "a")


def test_a_client_gets_every_source_the_recipe_and_the_plan(published: Published) -> None:
    written = published.write()
    found = {str(path.relative_to(written)): path.read_bytes() for path in written.rglob("*") if path.is_file()}
    plan = Plan.from_json(found.pop("plan.json"))
    assert plan.digest == published.small.current()["a"].plan
    assert found.pop("recipe/recipe.yaml").startswith(b"name: a\n")
    assert found == {
        "sources/a-1.0.tar.gz": ARCHIVE,
        "sources/mend.patch": PATCH,
        "recipe/mend.patch": PATCH,
    }


def test_toolchain_and_log_are_published_under_the_digests_that_are_signed(published: Published) -> None:
    catalogue = published.catalogue()
    entry = catalogue.entry("a")
    envelope = json.loads(published.public.read(entry.provenance.digest))
    signed = json.loads(base64.b64decode(envelope["payload"]))["predicate"]
    tree = signed["buildDefinition"]["internalParameters"]["plan"]["toolchain"]
    log = Digest.from_hex(signed["runDetails"]["byproducts"][0]["digest"]["sha256"])
    assert (
        json.loads(published.public.read(log))["text"] == f"built {published.small.application.inputs.distribution}/a"
    )
    assert Manifest.from_json(published.public.read(Digest(tree))).tree_digest == tree
    (toolchain,) = (
        package for package in json.loads(sbom_of_package(catalogue, "a"))["packages"] if package["name"] == "toolchain"
    )
    (checksum,) = toolchain["checksums"]
    assert published.public.read(Digest.from_hex(checksum["checksumValue"])) == b"toolchain archive"


def test_a_source_that_was_changed_on_the_way_is_refused(published: Published) -> None:
    place = published.public.path(Digest.of(ARCHIVE))
    place.chmod(0o644)
    place.unlink()
    place.write_bytes(b"another archive")
    with pytest.raises(DownloadError, match=r"sources/a-1\.0\.tar\.gz of a"):
        published.write()


def test_the_list_of_a_recipe_is_the_one_that_the_release_names(published: Published) -> None:
    recipe_digest = published.catalogue().entry("a").recipe
    lie = canonical_json({"files": {}, "recipe": Digest.of(b"another recipe")})
    place = published.public.path(recipe_digest)
    place.unlink()
    place.write_bytes(lie)
    with pytest.raises(DownloadError, match="list of the recipe"):
        published.write()


def test_nothing_is_written_where_something_lies(published: Published) -> None:
    (published.folder / "written").mkdir()
    (published.folder / "written" / "mine").write_text("mine")
    with refuses("occupied-directory"):
        published.write()


def test_the_command_prints_documents_and_writes_sources(published: Published) -> None:
    address = str(published.folder / "public")
    assert published.farm("subscribe", address, "edge", "--fingerprint", published.fingerprint).returncode == 0
    printed = published.farm("sbom", "a")
    assert printed.stdout == sbom_of_package(published.catalogue(), "a").decode() + "\n", printed.stderr
    assert published.farm("sbom").stdout == sbom_of_release(published.catalogue()).decode() + "\n"
    written = published.farm("source", "a")
    assert written.stdout == "a: 4 files and plan.json\n", written.stderr
    assert (published.folder / "a" / "sources" / "a-1.0.tar.gz").read_bytes() == ARCHIVE
    again = published.farm("source", "a")
    assert again.returncode == 1
    assert "a is not an empty directory" in again.stderr


def test_what_was_really_published_is_traced_to_sources_and_to_what_the_toolchain_was_made_of(
    published: Published,
) -> None:
    address = str(published.folder / "public")
    assert published.farm("subscribe", address, "edge", "--fingerprint", published.fingerprint).returncode == 0
    traced = published.farm("provenance", "a", "--json")
    assert traced.returncode == 0, traced.stderr
    found = json.loads(traced.stdout)
    assert found["verified"]["sources"] == [
        {"file": "a-1.0.tar.gz", "digest": Digest.of(ARCHIVE), "pinned-by-recipe": True},
        {"file": "mend.patch", "digest": Digest.of(PATCH), "pinned-by-recipe": True},
    ]
    assert [dependency["package"] for dependency in found["verified"]["dependencies"]] == ["b 1.0-1"]
    said = found["said-by-distribution"]
    assert said["sources"][0]["url"] == "https://example.org/a-1.0.tar.gz"
    assert (said["toolchain"]["name"], said["toolchain"]["lock"]) == ("c", LOCK.digest)
    assert [(deb["name"], deb["digest"]) for deb in said["toolchain"]["packages"]] == [
        ("libc6", Digest.of(b"libc6.deb"))
    ]


def test_debians_binary_is_told_as_such_everywhere_and_what_debian_built_it_from_is_there(
    database: Database, tmp_path: Path
) -> None:
    published = _publish(SmallFarm.open(database, tmp_path), tmp_path, recipe("c", more=DEBIAN))
    (deb,) = LOCK.debs
    purl = f"pkg:deb/debian/libc6@{deb.version}?arch={deb.architecture}"

    content = sbom_of_package(published.catalogue(), "c")
    assert _faults(content) == []
    document = json.loads(content)
    by_name = {package["name"]: package for package in document["packages"]}
    binary = f"libc6 {deb.version} ({deb.architecture})"
    assert by_name["c"]["originator"] == "Organization: Debian"
    assert by_name["c"]["sourceInfo"].startswith(
        f"Holds files of Debian's binary packages {binary}: Debian built these"
    )
    assert (by_name["libc6.deb"]["supplier"], by_name["libc6.deb"]["versionInfo"]) == (
        "Organization: Debian", deb.version,
    )  # fmt: skip
    assert [reference["referenceLocator"] for reference in by_name["libc6.deb"]["externalRefs"]] == [purl]
    made = [(link["spdxElementId"], link["relatedSpdxElement"]) for link in document["relationships"]
            if link["relationshipType"] == "GENERATED_FROM"]  # fmt: skip
    originals = [by_name[name]["SPDXID"] for name in ("glibc_2.41.orig.tar.xz", "glibc_2.41-12.dsc")]
    source = by_name["libc6.deb"]["SPDXID"]
    assert made == [("SPDXRef-Package", source), *((source, original) for original in originals)]

    address = str(published.folder / "public")
    assert published.farm("subscribe", address, "edge", "--fingerprint", published.fingerprint).returncode == 0
    written = published.farm("source", "c")
    assert (published.folder / "c/sources/glibc_2.41.orig.tar.xz").read_bytes() == ORIGINAL
    assert (published.folder / "c/sources/libc6.deb").read_bytes() == DEB
    assert written.returncode == 1  # one file of it does not exist anywhere
    assert written.stdout.splitlines()[1] == (
        "sources/libc6.deb is a binary package of Debian, built from glibc_2.41.orig.tar.xz, glibc_2.41-12.dsc"
    )
    assert "not published, and therefore missing: glibc_2.41-12.dsc" in written.stderr
    provenance = published.farm("provenance", "c")
    assert f"libc6.deb: {purl}" in provenance.stdout, provenance.stderr


def test_a_plan_is_as_it_was_without_what_is_only_carried(database: Database, tmp_path: Path) -> None:
    small = SmallFarm.open(database, tmp_path)
    small.submit(recipe("c", more=DEBIAN))
    lease = claim(small.application, small.workers["one"])
    assert lease is not None
    order = lease.order
    assert isinstance(order, BuildOrder)
    assert [source.file for source in order.plan.sources] == ["libc6.deb"]
    assert [origin.digest for origin in order.source_origins] == [
        Digest.of(DEB), Digest.of(ORIGINAL), Digest.of(LOST),
    ]  # fmt: skip
