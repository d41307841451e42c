"""The bill of materials of a package: valid SPDX 2.3 for any content, deterministic, and complete."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packageurl import PackageURL
from spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser import JsonLikeDictParser
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from farm.build.recipe_directory import read_recipe_directory
from farm.core.fileset.manifest import File, Link, Manifest
from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest
from farm.core.names.package_name import PackageName
from farm.core.names.platform import Platform
from farm.core.names.version import Version
from farm.core.package.describe import describe
from farm.core.package.facts import PackageFacts
from farm.core.plan.job import SourceOrigin
from farm.core.plan.pin import pin
from farm.core.plan.sbom import package_sbom, toolchain_lock_in
from farm.core.policy.tree import load_tree
from tests.core.plan.values import DEPENDENCIES, DISTRIBUTION, RECIPE, dependency, planned

if TYPE_CHECKING:
    from farm.core.package.descriptor import Descriptor
    from farm.core.plan.plan import Plan

RECIPES = Path(__file__).parents[3] / "recipes"
MANIFEST = Manifest.of([File("bin/jq", 7, Digest.of(b"jq"), executable=True), Link("bin/jqq", "jq")])
ARCHIVE = Digest.of(b"archive")
ADDRESSES = {
    Digest.of(b"jq"): SourceOrigin(Digest.of(b"jq"), "https://example.org/jq.tar.gz"),
    Digest.of(b"libc6.deb"): SourceOrigin(Digest.of(b"libc6.deb"), "", debian_package="libc6"),
}


def described(plan: Plan, manifest: Manifest = MANIFEST) -> Descriptor:
    return describe(
        name=plan.name,
        version=plan.version,
        revision=plan.revision,
        platform=plan.platform,
        manifest=manifest,
        diff_id=Digest.of(b"diff"),
        facts=PackageFacts(),
        plan=plan.digest,
        license=plan.license,
    )


def sbom(plan: Plan, addresses: dict[Digest, SourceOrigin] = ADDRESSES) -> bytes:
    return package_sbom(described(plan), plan, archive=ARCHIVE, manifest=MANIFEST, addresses=addresses)


def faults(content: bytes) -> list[str]:
    """The findings of the SPDX project's validator."""
    document = JsonLikeDictParser().parse(json.loads(content))
    return [message.validation_message for message in validate_full_spdx_document(document, "SPDX-2.3")]


def by_name(content: bytes) -> dict[str, dict[str, Any]]:
    return {package["name"]: package for package in json.loads(content)["packages"]}


def test_it_is_valid_and_canonical_and_always_the_same() -> None:
    content = sbom(planned())
    assert faults(content) == []
    assert content == sbom(planned())
    assert content == canonical_json(json.loads(content))


def test_a_document_that_lacks_what_spdx_wants_is_told_from_a_valid_one() -> None:
    document = json.loads(sbom(planned()))
    document["packages"][0]["downloadLocation"] = "nowhere at all"
    assert faults(canonical_json(document))


def test_its_name_and_time_come_from_the_package_and_its_plan() -> None:
    plan = planned()
    document = json.loads(sbom(plan))
    assert document["documentNamespace"] == f"https://{DISTRIBUTION}/spdx/{described(plan).digest.hex}"
    assert document["creationInfo"]["created"] == "2024-01-01T00:00:00Z"
    assert document["name"] == "jq-1.7.1-1"


def test_the_package_says_who_supplies_it_and_under_which_license() -> None:
    package = by_name(sbom(planned()))["jq"]
    assert (package["versionInfo"], package["supplier"]) == ("1.7.1-1", f"Organization: {DISTRIBUTION}")
    assert package["licenseDeclared"] == package["licenseConcluded"] == "MIT"
    assert package["checksums"] == [{"algorithm": "SHA256", "checksumValue": ARCHIVE.hex}]
    assert package["comment"] == "1 files with 7 bytes, and 1 links."
    assert [reference["referenceLocator"] for reference in package["externalRefs"]] == [
        MANIFEST.tree_digest,
        described(planned()).digest,
        f"pkg:generic/{DISTRIBUTION}/jq@1.7.1-1",
    ]


def test_every_source_is_named_with_its_digest_and_where_it_comes_from() -> None:
    packages = by_name(sbom(planned()))
    fetched, beside, debian = (packages[source.file] for source in RECIPE.sources)
    assert fetched["downloadLocation"] == "https://example.org/jq.tar.gz"
    assert fetched["checksums"] == [{"algorithm": "SHA256", "checksumValue": Digest.of(b"jq").hex}]
    assert (beside["downloadLocation"], debian["downloadLocation"]) == ("NOASSERTION", "NOASSERTION")
    assert "libc6" in debian["comment"]


def test_what_a_scanner_may_know_has_a_purl() -> None:
    plan = planned()
    packages = by_name(sbom(plan))
    purls = {
        name: reference["referenceLocator"]
        for name, found in packages.items()
        for reference in found.get("externalRefs", ())
        if reference["referenceType"] == "purl"
    }
    fetched, _beside, debian = RECIPE.sources
    assert purls == {
        "jq": f"pkg:generic/{DISTRIBUTION}/jq@1.7.1-1",
        fetched.file: f"pkg:generic/{fetched.file}?checksum={Digest.of(b'jq')}&download_url=https://example.org/jq.tar.gz",
        debian.file: "pkg:deb/debian/libc6",
        **{
            needed.name.short: f"pkg:generic/{DISTRIBUTION}/{needed.name.short}@{needed.version}"
            for needed in DEPENDENCIES
        },
    }
    for purl in purls.values():
        assert PackageURL.from_string(purl).to_string() == purl


def test_it_says_what_the_package_was_made_from_and_with() -> None:
    plan = planned()
    document = json.loads(sbom(plan))
    found = {(link["spdxElementId"], link["relationshipType"], link["relatedSpdxElement"]) for link in
             document["relationships"]}  # fmt: skip
    made_from = {("SPDXRef-Package", "GENERATED_FROM", f"SPDXRef-Source-{number}") for number in (1, 2, 3)}
    made_with = {
        (f"SPDXRef-Dependency-{needed.name.short}", "BUILD_DEPENDENCY_OF", "SPDXRef-Package") for needed in DEPENDENCIES
    }
    toolchain = ("SPDXRef-Toolchain", "BUILD_DEPENDENCY_OF", "SPDXRef-Package")
    assert found == {("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-Package"), *made_from, *made_with, toolchain}
    trees = {package["name"]: package["externalRefs"][0]["referenceLocator"] for package in document["packages"]
             if package["SPDXID"].startswith("SPDXRef-Dependency")}  # fmt: skip
    assert trees == {needed.name.short: needed.tree for needed in DEPENDENCIES}


def test_what_the_toolchain_was_made_of_is_named_by_digest() -> None:
    plan, lock = planned(), Digest.of(b"lock")
    content = package_sbom(described(plan), plan, archive=ARCHIVE, manifest=MANIFEST, addresses={}, lock=lock)
    assert faults(content) == []
    assert toolchain_lock_in(content) == lock
    assert toolchain_lock_in(sbom(plan)) is None
    assert toolchain_lock_in(b"{}") is None


def test_a_library_whose_code_was_copied_in_is_said_to_be_linked_statically() -> None:
    plan = planned()
    content = package_sbom(
        described(plan), plan, archive=ARCHIVE, manifest=MANIFEST, addresses={}, linked=["zlib", "elsewhere"]
    )
    assert faults(content) == []
    linked = [
        relationship
        for relationship in json.loads(content)["relationships"]
        if relationship["relationshipType"] == "STATIC_LINK"
    ]
    assert linked == [
        {
            "spdxElementId": "SPDXRef-Package",
            "relationshipType": "STATIC_LINK",
            "relatedSpdxElement": "SPDXRef-Dependency-zlib",
        }
    ]


def test_names_that_spdx_has_no_letters_for_stay_apart() -> None:
    similar = [dependency(name) for name in ("libstdc++", "libstdc--", "libstdc-2b-")]
    plan = planned(replace(RECIPE, build_needs=tuple(needed.name.short for needed in similar)), dependencies=similar)
    content = sbom(plan)
    assert faults(content) == []
    assert len({package["SPDXID"] for package in json.loads(content)["packages"]}) == 1 + 3 + 1 + 3


def test_the_package_of_another_distribution_is_named_in_full_and_supplied_by_that_one() -> None:
    own = dependency("zlib")
    other = replace(own, name=PackageName("other.example.net", "zlib"), direct=True)
    plan = planned(replace(RECIPE, build_needs=("zlib", str(other.name))), dependencies=[own, other])
    content = sbom(plan)
    assert faults(content) == []
    found = by_name(content)
    assert found["other.example.net/zlib"]["supplier"] == "Organization: other.example.net"
    assert found["zlib"]["supplier"] == f"Organization: {DISTRIBUTION}"


@pytest.mark.parametrize("epoch", [315_532_800, 253_402_300_799, 2**53 - 1])
def test_any_time_that_a_recipe_can_ask_for_can_be_written(epoch: int) -> None:
    assert faults(sbom(planned(replace(RECIPE, source_epoch=epoch)))) == []


SHORT = st.from_regex(r"[a-z0-9][a-z0-9+.-]{0,20}", fullmatch=True)
VERSION = st.from_regex(r"[0-9][A-Za-z0-9.+~]{0,20}", fullmatch=True)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    name=SHORT,
    version=VERSION,
    needs=st.dictionaries(SHORT, VERSION, max_size=6),
    license=st.sampled_from(["MIT", "GPL-2.0-only WITH Classpath-exception-2.0", "MIT AND (Zlib OR BSD-3-Clause)"]),
    path=st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Cn"), exclude_characters="/\0"),
                 min_size=1, max_size=20).filter(lambda text: text.strip(". ") != ""),
    known=st.booleans(),
)  # fmt: skip
def test_whatever_a_package_is_its_document_is_valid(
    *, name: str, version: str, needs: dict[str, str], license: str, path: str, known: bool
) -> None:
    dependencies = [dependency(short, version=needed_version) for short, needed_version in needs.items()]
    sources = (replace(RECIPE.sources[0], file=path),)
    recipe = replace(
        RECIPE, name=name, version=Version(version), license=license, sources=sources, build_needs=tuple(needs)
    )
    content = sbom(planned(recipe, dependencies=dependencies), ADDRESSES if known else {})
    assert faults(content) == []
    assert len(json.loads(content)["packages"]) == 3 + len(needs)


def test_the_documents_of_all_recipes_here_are_valid() -> None:
    tree = load_tree(read_recipe_directory(RECIPES))
    assert len(tree.recipes) > 10
    debs = {source.debian_package: Digest.of(source.debian_package.encode()) for recipe in tree.recipes.values()
            for source in recipe.sources if source.debian_package}  # fmt: skip
    for recipe in tree.recipes.values():
        needs = [dependency(PackageName.parse(need, within=DISTRIBUTION).short) for need in recipe.build_needs]
        plan = pin(
            recipe,
            distribution=DISTRIBUTION,
            platform=Platform("linux", "amd64"),
            toolchain=Digest.of(b"toolchain"),
            toolchain_debs=debs,
            dependencies=needs,
        )
        addresses = {
            planned.digest: SourceOrigin(planned.digest, source.url, debian_package=source.debian_package)
            for planned, source in zip(plan.sources, recipe.sources, strict=True)
        }
        assert faults(sbom(plan, addresses)) == [], recipe.name
