"""What a release states of its packages: the recipe, its summary, and the bill of materials."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from securesystemslib.signer import CryptoSigner

from farm.checker.builds.plans import PlanMismatchError
from farm.checker.reading.refusal import RefusedReleaseError
from farm.core.names.canonical_json import canonical_json
from farm.trust.ceremony.ceremony import sign_policy
from farm.trust.metadata.repository import Repository
from tests.checker.channel import Channel, opened_channel
from tests.refusing import refuses

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.checker.built import Package


@pytest.fixture
def edge(tmp_path: Path) -> Channel:
    return opened_channel(tmp_path, b"gates: [proof]\n")


@pytest.fixture
def zlib(edge: Channel) -> Package:
    edge.builder.build(edge.builder.recipe("cmake"))
    return edge.builder.build(edge.builder.recipe("zlib", needs=("cmake",)))


def rewritten(edge: Channel, package: Package, change: Callable[[dict[str, Any]], object]) -> Package:
    """Return a package with another bill of materials."""
    assert package.sbom is not None
    form = json.loads(edge.builder.blobs.read(package.sbom.digest))
    change(form)
    return replace(package, sbom=edge.builder.keep(canonical_json(form)))


def part(form: dict[str, Any], start: str) -> dict[str, Any]:
    return next(package for package in form["packages"] if package["SPDXID"].startswith(start))


def test_an_honest_one_is_signed(edge: Channel, zlib: Package) -> None:
    edge.sign(zlib)
    assert edge.released == 1


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda form: part(form, "SPDXRef-Package").update(licenseDeclared="0BSD"), id="a license"),
        pytest.param(lambda form: part(form, "SPDXRef-Package").update(versionInfo="9.9-1"), id="a version"),
        pytest.param(lambda form: form["packages"].remove(part(form, "SPDXRef-Dependency")), id="without a dependency"),
        pytest.param(lambda form: part(form, "SPDXRef-Toolchain").update(versionInfo="x"), id="a toolchain"),
        pytest.param(lambda form: form.update(name="other"), id="a name"),
        pytest.param(lambda form: form.update(comment="safe"), id="more than is so"),
        pytest.param(
            lambda form: form["relationships"].append(
                {
                    "relatedSpdxElement": "SPDXRef-Dependency-openssl",
                    "relationshipType": "STATIC_LINK",
                    "spdxElementId": "SPDXRef-Package",
                }
            ),
            id="linked with what was not there",
        ),
    ],
)
def test_another_bill_of_materials_is_refused(edge: Channel, zlib: Package, change: Callable[..., object]) -> None:
    with refuses("other-bill-of-materials") as refused:
        edge.sign(rewritten(edge, zlib, change))
    assert refused.value.by_package.keys() == {"zlib"}


@pytest.mark.parametrize("content", [b"{}", b"[]", b"rubbish", b"[" * 100_000 + b"]" * 100_000, b'{"packages": 3}'])
def test_one_that_is_none_is_refused(edge: Channel, zlib: Package, content: bytes) -> None:
    with refuses("other-bill-of-materials"):
        edge.sign(replace(zlib, sbom=edge.builder.keep(content)))


def test_there_has_to_be_one(edge: Channel, zlib: Package) -> None:
    with refuses("other-bill-of-materials"):
        edge.sign(replace(zlib, sbom=None))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda form: part(form, "SPDXRef-Toolchain")["externalRefs"].pop(), id="no list of the toolchain"),
        pytest.param(
            lambda form: part(form, "SPDXRef-Toolchain").update(
                checksums=[{"algorithm": "SHA256", "checksumValue": "a" * 64}]
            ),
            id="the archive of the toolchain",
        ),
        pytest.param(
            lambda form: form["relationships"].append(
                {
                    "relatedSpdxElement": "SPDXRef-Dependency-cmake",
                    "relationshipType": "STATIC_LINK",
                    "spdxElementId": "SPDXRef-Package",
                }
            ),
            id="linked with a dependency",
        ),
    ],
)  # fmt: skip
def test_what_only_the_builder_knows_is_taken_as_told(
    edge: Channel, zlib: Package, change: Callable[..., object]
) -> None:
    edge.sign(rewritten(edge, zlib, change))
    assert edge.released == 1


def test_the_summary_is_that_of_the_recipe(edge: Channel, zlib: Package) -> None:
    with pytest.raises(RefusedReleaseError, match="'The zlib package' in its recipe"):
        edge.sign(replace(zlib, recipe=replace(zlib.recipe, summary="Safe to run as root")))


class TestAnotherRecipeOfWhatIsReleased:
    """It has the same plan, so an honest builder has made exactly this package and signed that."""

    @pytest.fixture
    def ann(self, edge: Channel) -> CryptoSigner:
        ann = CryptoSigner.generate_ed25519()
        key = str(ann.public_key.keyval["public"])
        curators = f"curators:\n  ann: '{key}'\n".encode()
        edge.builder.owners = {"OWNERS": b"* @curators\n", "curators.yaml": curators}
        sign_policy(Repository(edge.public), edge.keys, edge.builder.policy(), datetime.now(UTC))
        return ann

    def test_has_to_be_signed_by_an_owner(self, edge: Channel, ann: CryptoSigner) -> None:
        builder = edge.builder
        first, second = builder.recipe("zlib"), builder.recipe("zlib", "# harmless\n")
        builder.sign("ann", ann, first)
        edge.sign(builder.build(first), submissions=tuple(builder.submissions))
        again = builder.build(second)
        with refuses("unsigned-recipe"):
            edge.sign(again, submissions=tuple(builder.submissions))
        builder.sign("ann", ann, second)
        edge.sign(again, submissions=tuple(builder.submissions))
        assert edge.released == 2

    def test_has_to_come_to_the_plan(self, edge: Channel, ann: CryptoSigner) -> None:
        builder = edge.builder
        first, second = builder.recipe("zlib"), builder.recipe("zlib", license="0BSD")
        builder.sign("ann", ann, first)
        builder.sign("ann", ann, second)
        package = builder.build(first)
        edge.sign(package, submissions=tuple(builder.submissions))
        lie = builder.put_out(second, package.plan, {"": {"share/zlib/x": canonical_json(package.plan.to_dict())}})
        with pytest.raises(PlanMismatchError):
            edge.sign(lie, submissions=tuple(builder.submissions))


def test_of_all_that_is_wrong_the_packages_are_named(edge: Channel, zlib: Package) -> None:
    png = edge.builder.build(edge.builder.recipe("png"))
    with refuses("other-bill-of-materials") as refused:
        edge.sign(replace(zlib, sbom=None), replace(png, sbom=None), edge.builder.build(edge.builder.recipe("gif")))
    assert refused.value.by_package.keys() == {"png", "zlib"}
    edge.sign(edge.builder.built["gif"])
