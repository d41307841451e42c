"""What is known by its digest, and what is signed: recomputed from stored documents."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from farm.core.fileset.manifest import Manifest
from farm.core.names.digest import Digest
from farm.core.names.package_name import PackageName
from farm.core.names.platform import Platform
from farm.core.names.version import Version
from farm.core.package.descriptor import Descriptor
from farm.core.plan.consumption import Consumption
from farm.core.plan.graph import BuildGraph
from farm.core.plan.job import BuildOrder, TestOrder
from farm.core.plan.pin import pin, source_origins
from farm.core.plan.plan import PlannedDependency
from farm.core.plan.sbom import package_sbom, source_addresses
from farm.core.policy.tree import load_tree
from farm.core.recipe.recipe import Limits
from farm.trust.attestation.approval import approval_statement, read_approval
from farm.trust.attestation.curator_order import kept_order, order_statement, read_order
from farm.trust.attestation.dsse import open_envelope, sign_statement
from farm.trust.attestation.image_statement import check_image_statement, image_statement
from farm.trust.attestation.provenance import BuildRun, build_statement, read_build, read_consumed
from farm.trust.attestation.release_summary import read_summary, summary_statement
from farm.trust.attestation.submission_statement import SignedSubmission, read_submission, submission_statement
from farm.trust.attestation.tester_results import (
    TesterRun,
    abi_statement,
    result_statement,
    verify_abi_result,
    verify_test_result,
)
from farm.trust.metadata.signed_policy import steps_digest
from tests.formats.keys import key, public
from tests.formats.reading.documents import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from farm.core.policy.tree import RecipeTree
    from farm.core.recipe.recipe import Recipe

WHOSE = "dist.example.org"
_MOMENTS = ("2026-01-02T03:04:05Z", "2026-01-02T03:05:05Z")
_RUNTIME = {"docker": "28.0", "runtime": "runc"}


def plans(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the plan of every recipe of a directory, for made-up toolchains and dependencies."""
    tree = load_tree(files)
    return {name: _planned(tree, recipe).to_json() for name, recipe in tree.recipes.items()}


def recipe_identities(files: Mapping[str, bytes]) -> dict[str, Any]:
    """Return the digests of recipes, and what is made of them besides the plan."""
    tree = load_tree(files)
    found: dict[str, Any] = {"steps": steps_digest(files), "locks": {}, "recipes": {}}
    found["locks"] = {name: lock.digest for name, lock in tree.locks.items()}
    found["channels"] = {name: channel.to_dict() for name, channel in tree.channels.items()}
    found["order"] = list(BuildGraph.of(tree.recipes).order())
    for name, recipe in tree.recipes.items():
        origins = source_origins(recipe, _debs(tree, recipe), tree.lock_of(recipe.toolchain))
        found["recipes"][name] = {
            "recipe": recipe.digest,
            "plan": _planned(tree, recipe).digest,
            "packages": list(recipe.package_names),
            "requires": list(recipe.required_packages),
            "license": recipe.license,
            "limits": recipe.limits.to_dict(),
            "tests": [TestOrder(test, Digest.of(name.encode()), (), Limits()).digest for test in recipe.tests],
            "origins": Digest.of_json([origin.to_dict() for origin in origins]),
        }
    return found


def sbom_of_every_recipe(files: Mapping[str, bytes]) -> dict[str, Digest]:
    """Return the digest of a bill of materials for the main package of each recipe, with every possible member."""
    tree = load_tree(files)
    return {name: Digest.of(_sbom(tree, recipe)) for name, recipe in tree.recipes.items()}


def _sbom(tree: RecipeTree, recipe: Recipe) -> bytes:
    plan = _planned(tree, recipe)
    lock = tree.lock_of(recipe.toolchain)
    manifest = Manifest.of([])
    descriptor = Descriptor(
        name=plan.name,
        version=plan.version,
        revision=plan.revision,
        platform=plan.platform,
        tree=manifest.tree_digest,
        diff_id=Digest.of(b"archive"),
        facts=Digest.of(b"facts"),
        plan=plan.digest,
        license=recipe.license,
    )
    return package_sbom(
        descriptor,
        plan,
        archive=Digest.of(b"archive file"),
        manifest=manifest,
        addresses=source_addresses(plan, recipe, lock),
        carried=recipe.carried,
        linked=recipe.build_needs[:1],
        lock=lock.digest,
        toolchain=Digest.of(b"toolchain archive"),
        build=2,
    )


def _debs(tree: RecipeTree, recipe: Recipe) -> dict[str, Digest]:
    return {deb.name: deb.digest for deb in tree.lock_of(recipe.toolchain).debs}


def _planned(tree: RecipeTree, recipe: Recipe) -> Any:
    needs = [
        PlannedDependency(PackageName.parse(need, within=WHOSE), Version("1.0"), Digest.of(need.encode()), direct=True)
        for need in recipe.build_needs
    ]
    indirect = PlannedDependency(PackageName(WHOSE, "zz-indirect"), Version("2~rc1"), Digest.of(b"zz"), direct=False)
    return pin(
        recipe,
        distribution=WHOSE,
        platform=Platform.parse("linux/amd64"),
        toolchain=Digest.of(f"toolchain {recipe.toolchain}".encode()),
        toolchain_debs=_debs(tree, recipe),
        dependencies=[*needs, indirect],
    )


def statements(document: Callable[[str], bytes]) -> dict[str, bytes]:
    """Return one envelope of every kind that is signed, about stored documents."""

    def read(name: str) -> Any:
        return KINDS[name.partition("/")[0]].read(document(name))

    descriptor, built, second = read("descriptor/full"), read("build-order/first"), read("build-order/second")
    test, comparison = read("test-order/runs"), read("abi-order/full")
    release, verified = read("release/importing"), read("verified-release/full")
    subjects = [(descriptor, Digest.of(b"archive"))]
    recipes = {"jq": Digest.of(b"jq"), "zlib": Digest.of(b"zlib")}
    at = datetime.fromisoformat(_MOMENTS[0])
    submission = SignedSubmission(WHOSE, "alice", recipes, at)
    details: dict[str, Any] = {"channel": "edge", "curator": "alice"}
    signed = {
        "provenance": build_statement(built.plan, built.recipe_digest, subjects, built.source_origins, _run(())),
        "provenance-second": build_statement(
            second.plan, second.recipe_digest, subjects, second.source_origins, _run(_consumed(second), build=2)
        ),
        "test-passed": result_statement(test, read("test-outcome/signed"), _tester()),
        "test-failed": result_statement(test, read("test-outcome/failed"), _tester()),
        "comparison": abi_statement(comparison, read("abi-outcome/full"), _tester()),
        "approval": approval_statement(
            descriptor, **details, at=at, after=Digest.of(b"order"), distribution="other.example"
        ),
        "approval-of-before": approval_statement(descriptor, **details),
        "removal": approval_statement(descriptor, **details, removed=True, at=at),
        "submission": submission_statement(submission),
        "withdrawal": submission_statement(SignedSubmission(WHOSE, "alice", recipes, at, withdrawn=True)),
        "summary": summary_statement(release, verified, at, b"the summary before"),
        "image": image_statement(Digest.of(b"image"), "registry.example/jq", b'{"spdxVersion":"SPDX-2.3"}'),
        **{
            f"order-{name.removeprefix('ledger-line/order-')}": order_statement(read(name).entry.order)
            for name in document("ledger-line").decode().split()
            if name.startswith("ledger-line/order-")
        },
    }
    return {name: sign_statement(statement, key("alice")) for name, statement in signed.items()}


def opened(name: str, envelope: bytes, document: Callable[[str], bytes]) -> Any:
    """Verify a statement, and return its values."""
    keys = {key("alice").public_key.keyid: key("alice").public_key}
    people = {"alice": public("alice"), "ann": public("alice")}

    def read(of: str) -> Any:
        return KINDS[of.partition("/")[0]].read(document(of))

    match name.partition("-")[0]:
        case "order":
            order = read_order(envelope, people)
            return [
                order.act.name,
                order.digest,
                order.summary,
                sorted(map(list, order.matters)),
                order == kept_order(envelope),
            ]
        case "approval" | "removal":
            said = read_approval(envelope, people)
            return [said.channel, said.curator, said.package, said.label, said.removed, said.after, said.distribution]
        case "submission" | "withdrawal":
            found = read_submission(envelope, people)
            return [found.said.submitter, dict(found.said.recipes), found.said.withdrawn, found.statement]
        case "test":
            result = verify_test_result(envelope, keys, order=read("test-order/runs"))
            return [result.outcome.passed, result.outcome.exit, result.outcome.message, result.run.attempt]
        case "comparison":
            compared = verify_abi_result(envelope, keys, order=read("abi-order/full"))
            return [compared.outcome.verdict.name, compared.run.tester, dict(compared.run.runtime)]
        case "summary":
            summary = read_summary(envelope, keys, read("release/importing"))
            return [summary.release, summary.verified_at, summary.policy, list(summary.checked)]
        case "image":
            check_image_statement(envelope, keys, Digest.of(b"image"))
            return "in order"
    build = read_build(envelope, keys)
    consumed = [
        [str(consumption.library), consumption.tree, list(consumption.kinds)]
        for consumption in read_consumed(envelope, keys)
    ]
    return [build.run.builder, build.run.started, build.run.build, dict(build.taken_from), consumed]


def payload(envelope: bytes) -> Any:
    """Return the statement in an envelope, verified."""
    keys = {key("alice").public_key.keyid: key("alice").public_key}
    return open_envelope(envelope, keys)[0]


def _run(consumed: tuple[Consumption, ...], build: int = 1) -> BuildRun:
    return BuildRun(key("alice").public_key.keyid, "attempt", *_MOMENTS, Digest.of(b"log"), _RUNTIME, consumed, build)


def _consumed(order: BuildOrder) -> tuple[Consumption, ...]:
    form = json.loads('{"headers": {"count": 1, "first": ["include/z.h"]}, "static": {"count": 0, "first": []}}')
    return tuple(
        Consumption.from_json_value(dependency.name, dependency.tree, value)
        for dependency, value in zip(order.plan.dependencies, (form, "unknown"), strict=False)
    )


def _tester() -> TesterRun:
    return TesterRun(key("alice").public_key.keyid, "attempt", *_MOMENTS, _RUNTIME)
