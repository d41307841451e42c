"""Older tests do not come back by a detour: a rebuild, a rollback, a skipped recipe, another channel."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from securesystemslib.signer import CryptoSigner

from farm.core.names.digest import Digest
from farm.core.plan.sbom import package_sbom, source_addresses
from farm.trust.attestation.curator_order import Act
from farm.trust.attestation.dsse import sign_statement
from farm.trust.attestation.provenance import BuildRun, build_statement
from farm.trust.attestation.release_summary import evidence_of
from farm.trust.ceremony.ceremony import sign_policy
from farm.trust.metadata.repository import Repository
from tests.checker.built import LOCK
from tests.checker.channel import Channel, opened_channel
from tests.refusing import refuses

if TYPE_CHECKING:
    from pathlib import Path

    from farm.core.recipe.recipe import Recipe
    from farm.signing.evidence import SignedTest
    from tests.checker.built import Package

ALICE, TESTER = CryptoSigner.generate_ed25519(), CryptoSigner.generate_ed25519()
POLICY = b"gates: [proof, tests: {of: changed-and-dependents}]\n"
TESTED = "tests: [{name: %s, command: [/usr/bin/x]}]\n"
WAIVED = "hardening:\n  waive:\n    - {property: bind-now, files: lib/*, reason: it is loaded by hand}\n"
_OF_BEFORE = """
CREATE TABLE passed (channel TEXT, test TEXT, tester TEXT, PRIMARY KEY (channel, test, tester)) WITHOUT ROWID;
CREATE TABLE named (
  channel TEXT NOT NULL, descriptor TEXT NOT NULL, recipe TEXT NOT NULL, number INTEGER NOT NULL, since TEXT NOT NULL,
  PRIMARY KEY (channel, descriptor, recipe)
) WITHOUT ROWID;
CREATE TABLE seen (channel TEXT NOT NULL PRIMARY KEY, release TEXT NOT NULL) WITHOUT ROWID;
"""


def owned(edge: Channel) -> Channel:
    """Have Alice's ownership of everything signed."""
    public = str(ALICE.public_key.keyval["public"]).encode()
    edge.builder.owners = {"curators.yaml": b"curators: {alice: '%s'}\n" % public, "OWNERS": b"* alice\n"}
    sign_policy(Repository(edge.public), edge.keys, edge.builder.policy(), edge.now)
    return edge


@dataclass
class Strengthened:
    """Edge has released zlib and png, which requires it, by `weak` tests; and has named `strong` ones since."""

    edge: Channel
    weak: Recipe
    strong: Recipe
    png: Package

    def recipe(self, test: str) -> Recipe:
        """Another recipe with the plan of png."""
        return self.edge.builder.recipe("png", more=TESTED % test + "requires: [zlib]\n", needs=("zlib",))

    def signed(self, recipe: Recipe, days_ago: int = 0) -> Recipe:
        self.edge.builder.sign("alice", ALICE, recipe, at=self.edge.now - timedelta(days=days_ago))
        return recipe

    def newer_zlib(self, revision: int = 2) -> Package:
        """Another build of zlib, which png is tested with."""
        text = f"environment: {{LEVEL: '{revision}'}}\nrevision: {revision}\n"
        return self.edge.builder.build(self.signed(self.edge.builder.recipe("zlib", more=TESTED % "works" + text)))

    def rebuilt(self, recipe: Recipe) -> Package:
        """Rebuild png from a recipe, against the current packages; two builds then share one version and revision."""
        return numbered(self.edge, self.edge.builder.build(recipe), 2)

    def results(self, recipe: Recipe) -> list[SignedTest]:
        """The results that zlib and png need to pass together, as the recipe of png tests that."""
        builder = self.edge.builder
        builder.built["png"] = replace(builder.built["png"], recipe=recipe)
        return [builder.test("zlib", ["zlib"], TESTER), builder.test("png", ["png", "zlib"], TESTER)]

    def sign(self, *packages: Package, by: Recipe | None = None, **how: object) -> None:
        """Ask for a release, with results of what png is tested `by`."""
        tests = self.results(by) if by else []
        submissions = tuple(self.edge.builder.submissions)
        self.edge.sign(*packages, tests=tests, submissions=submissions, **how)  # type: ignore[arg-type]

    def named(self, recipe: Recipe | None) -> Package:
        """Return png as a release names it with the tests of a recipe."""
        return replace(self.png, tests=recipe.digest if recipe else None)

    def gone_back(self) -> None:
        """Roll edge back, by an order, to its earlier content; png is named as it was built."""
        other = self.signed(self.edge.builder.recipe("other"))
        target = self.edge.newest().digest
        self.sign(self.edge.builder.build(other))
        order = self.edge.order(Act.ROLLBACK, target=target)
        self.sign(self.named(None), remove=["other"], orders=[order])


def numbered(edge: Channel, package: Package, number: int) -> Package:
    """Return a package with this build number."""
    builder, archive = edge.builder, package.archive.digest
    run = BuildRun(builder.worker.public_key.keyid, "1", "", "", Digest.of(b"log"), {}, build=number)
    statement = build_statement(package.plan, package.recipe.digest, [(package.descriptor, archive)], (), run)
    provenance = builder.keep(sign_statement(statement, builder.worker))
    sbom = package_sbom(
        package.descriptor,
        package.plan,
        archive=archive,
        manifest=package.manifest,
        addresses=source_addresses(package.plan, package.recipe, LOCK),
        lock=LOCK.digest,
        build=number,
    )
    return replace(package, built=replace(package.built, provenance=provenance), sbom=builder.keep(sbom))


@pytest.fixture
def png(tmp_path: Path) -> Strengthened:
    edge = owned(opened_channel(tmp_path, POLICY, testers=[TESTER]))
    builder = edge.builder
    zlib = builder.recipe("zlib", more=TESTED % "works")
    builder.build(zlib)
    weak, strong = (
        builder.recipe("png", more=TESTED % test + "requires: [zlib]\n", needs=("zlib",)) for test in ("weak", "strong")
    )
    for recipe in (zlib, weak, strong):
        builder.sign("alice", ALICE, recipe)
    made = Strengthened(edge, weak, strong, builder.build(weak))
    made.sign(builder.built["zlib"], made.png, by=weak)
    made.sign(made.named(strong))
    return made


class TestRebuilds:
    def test_one_from_the_older_recipe_does_not_bring_its_tests_back(self, png: Strengthened) -> None:
        zlib = png.newer_zlib()
        again = png.rebuilt(png.weak)
        with refuses("older-tests", match="release 2 of edge has named a newer one") as refused:
            png.sign(zlib, again, by=png.weak)
        assert set(refused.value.by_package) == {"png"}
        png.sign(zlib, replace(again, tests=png.strong.digest), by=png.strong)
        assert png.edge.released == 3

    def test_an_honest_one_is_of_the_newest_recipe(self, png: Strengthened) -> None:
        zlib = png.newer_zlib()
        png.sign(zlib, png.rebuilt(png.strong), by=png.strong)
        assert png.edge.released == 3

    def test_a_recipe_by_which_it_was_not_built_says_nothing_of_it(self, png: Strengthened) -> None:
        """A recipe of the same version and revision may build something else: its tests are not those of this build."""
        zlib, builder = png.newer_zlib(), png.edge.builder
        text = TESTED % "other" + "requires: [zlib]\nenvironment: {LEVEL: '9'}\n"
        other = png.signed(builder.recipe("png", more=text, needs=("zlib",)), days_ago=3)
        png.sign(zlib, png.rebuilt(other), by=other)
        assert png.edge.released == 3


class TestRollbacks:
    def test_what_one_has_named_does_not_count_in_what_follows(self, png: Strengthened) -> None:
        png.gone_back()
        zlib = png.newer_zlib()
        with refuses("older-tests", match="png would be tested by") as refused:
            png.sign(zlib, by=png.weak)
        assert set(refused.value.by_package) == {"png"}

    def test_the_farm_names_the_newest_of_what_it_tests(self, png: Strengthened) -> None:
        png.gone_back()
        zlib = png.newer_zlib()
        with refuses("untested-release", match="'strong' of png"):
            png.sign(zlib, png.named(png.strong), by=png.weak)
        png.sign(zlib, png.named(png.strong), by=png.strong)
        assert png.edge.released == 5

    def test_what_nobody_is_asked_to_test_may_stay_named_as_it_is(self, png: Strengthened) -> None:
        png.gone_back()
        png.sign(png.edge.builder.build(png.signed(png.edge.builder.recipe("apart"))))
        assert png.edge.released == 5

    def test_a_build_that_one_has_brought_back_is_tested_by_what_was_the_newest_for_it(self, png: Strengthened) -> None:
        """A later recipe was planned for the build of that time: the farm does not know it for this build."""
        target, old = png.edge.newest().digest, png.edge.builder.built["zlib"]
        zlib = png.newer_zlib()
        again = png.rebuilt(png.strong)
        png.sign(zlib, again, by=png.strong)
        stronger = png.signed(png.recipe("stronger"))
        png.sign(replace(again, tests=stronger.digest))
        png.sign(old, png.named(None), orders=[png.edge.order(Act.ROLLBACK, target=target)])
        png.edge.builder.built["png"] = png.png
        newest = png.newer_zlib(revision=3)
        with refuses("older-tests"):
            png.sign(newest, png.named(None), by=png.weak)
        png.sign(newest, png.named(png.strong), by=png.strong)
        assert png.edge.released == 6


class TestOtherRecipes:
    def test_one_that_was_passed_over_takes_the_place_of_none(self, png: Strengthened) -> None:
        passed_over = png.signed(png.recipe("lax"), days_ago=2)
        with refuses("older-tests"):
            png.sign(png.named(passed_over))
        png.sign(png.named(png.strong))

    def test_whatever_was_named_the_one_that_is_signed_last_is_let_in(self, png: Strengthened) -> None:
        between, newest = (png.signed(png.recipe(test)) for test in ("between", "newest"))
        png.sign(png.named(between))
        png.sign(png.named(newest))
        for older in (between, png.strong):
            with refuses("older-tests"):
                png.sign(png.named(older))
        assert png.edge.released == 4

    def test_what_is_named_was_signed_before_that_whatever_its_signature_says(self, png: Strengthened) -> None:
        hasty = png.recipe("hasty")
        png.edge.builder.sign("alice", ALICE, hasty, at=png.edge.now + timedelta(minutes=4))
        png.sign(png.named(hasty))
        png.sign(png.named(png.signed(png.recipe("newest"))))
        assert png.edge.released == 4

    def test_what_waives_something_is_a_recipe_like_others(self, tmp_path: Path) -> None:
        edge = owned(opened_channel(tmp_path, b"gates: [proof, hardening]\n"))
        waiving, strict = edge.builder.recipe("shape", more=WAIVED), edge.builder.recipe("shape")
        for recipe in (waiving, strict):
            edge.builder.sign("alice", ALICE, recipe)
        shape, submissions = edge.builder.build(waiving), tuple(edge.builder.submissions)
        edge.sign(shape, submissions=submissions)
        edge.sign(replace(shape, tests=strict.digest), submissions=submissions)
        with refuses("older-tests"):
            edge.sign(shape, submissions=submissions)

    def test_where_nobody_owns_anything_nobody_says_which_is_newer(self, tmp_path: Path) -> None:
        edge = opened_channel(tmp_path, b"gates: [proof, tests: {of: changed}]\n", testers=[TESTER])
        first, second = (edge.builder.recipe("jq", more=TESTED % test) for test in ("one", "two"))
        jq = edge.builder.build(first)
        edge.sign(jq, tests=[edge.builder.test("jq", ["jq"], TESTER)])
        for recipe in (second, first):
            edge.sign(replace(jq, tests=recipe.digest))
        assert edge.released == 3


@pytest.mark.parametrize("gated", [True, False], ids=["gated", "without gates of its own"])
def test_what_another_channel_has_replaced_is_not_named_first_elsewhere(tmp_path: Path, gated: bool) -> None:
    stable = {"channels/stable.yaml": b"from: edge\n" + POLICY}
    edge = owned(opened_channel(tmp_path, POLICY, name="stable", testers=[TESTER], policies=stable).named("edge"))
    first, second = (edge.builder.recipe("jq", more=TESTED % test) for test in ("one", "two"))
    for recipe in (first, second):
        edge.builder.sign("alice", ALICE, recipe)
    jq, submissions = edge.builder.build(first), tuple(edge.builder.submissions)
    results = [edge.builder.test("jq", ["jq"], TESTER)]
    edge.sign(jq, tests=results, submissions=submissions)
    edge.sign(replace(jq, tests=second.digest), submissions=submissions)
    if not gated:
        edge.builder.policies = {**edge.builder.policies, "channels/edge.yaml": b"gates: [proof]\n"}
        sign_policy(Repository(edge.public), edge.keys, edge.builder.policy(), edge.now)
        edge.sign(jq, submissions=submissions)  # as the farm names packages that no gate judges
    with refuses("older-tests", match="release 2 of edge has named"):
        edge.named("stable").sign(jq, tests=results, submissions=submissions)
    edge.builder.built["jq"] = replace(jq, recipe=second)
    results = [edge.builder.test("jq", ["jq"], TESTER)]
    edge.named("stable").sign(replace(jq, tests=second.digest), tests=results, submissions=submissions)


def test_a_signature_that_is_kept_back_makes_nothing_newer_than_it_is(tmp_path: Path) -> None:
    """A package from a channel without tests needs none to enter another: then it would count as signed now."""
    stable = {"channels/stable.yaml": b"from: edge\n" + POLICY}
    how = {"name": "stable", "testers": [TESTER], "policies": stable}
    edge = owned(opened_channel(tmp_path, b"gates: [proof]\n", **how).named("edge"))
    builder = edge.builder
    weak, strong = (builder.recipe("jq", more=TESTED % test) for test in ("one", "two"))
    builder.sign("alice", ALICE, weak, at=edge.now - timedelta(days=3))
    jq = builder.build(weak)
    edge.sign(jq, submissions=tuple(builder.submissions))
    builder.sign("alice", ALICE, strong, at=edge.now - timedelta(days=1))
    it, passed = edge.named("stable"), builder.test("jq", ["jq"], TESTER)
    it.sign(jq, tests=[passed], submissions=())
    builder.built["jq"] = replace(jq, recipe=strong)
    newest = builder.test("jq", ["jq"], TESTER)
    it.sign(replace(jq, tests=strong.digest), tests=[newest], submissions=tuple(builder.submissions))
    with refuses("older-tests"):
        it.sign(jq, tests=[passed], submissions=tuple(builder.submissions))


class TestTheRecord:
    def started_anew(self, png: Strengthened) -> None:
        png.edge.decision = png.edge.deciding()
        png.edge.decision.prepare()

    def test_one_of_an_earlier_form_is_filled_anew_and_what_has_passed_stays(self, png: Strengthened) -> None:
        path, test = png.edge.record.directory / "tests.sqlite", Digest.of(b"a test")
        path.unlink()
        with closing(sqlite3.connect(path)) as database, database:
            database.executescript(_OF_BEFORE)
            database.execute("INSERT INTO passed VALUES ('edge', ?, ?)", (test, TESTER.public_key.keyid))
            database.execute("INSERT INTO seen VALUES ('edge', ?)", (png.edge.newest().digest,))
        self.started_anew(png)
        assert png.edge.decision._past.testers_of("edge", test) == {TESTER.public_key.keyid}
        passed_over = png.signed(png.recipe("lax"), days_ago=2)
        for older in (None, passed_over):
            with refuses("older-tests"):
                png.sign(png.named(older))
        png.sign(png.named(png.strong))

    def test_evidence_that_is_gone_lets_nothing_older_in(self, png: Strengthened) -> None:
        evidence = evidence_of(Repository(png.edge.public).summary(png.edge.newest().digest) or b"")
        assert evidence
        png.edge.builder.blobs.path(evidence).unlink()
        (png.edge.record.directory / "tests.sqlite").unlink()
        self.started_anew(png)
        for older in (None, png.signed(png.recipe("lax"), days_ago=2)):
            with refuses("older-tests"):
                png.sign(png.named(older))
        png.sign(png.named(png.strong))
        assert png.edge.released == 3
