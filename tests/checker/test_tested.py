"""The checker counts results itself: signed by listed testers, of the policy's tests, on exactly this set."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from securesystemslib.signer import CryptoSigner

from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest
from farm.core.recipe.recipe import Limits, Test
from farm.signing.evidence import SignedTest
from farm.store.errors import MissingBlobError
from farm.trust.attestation.curator_order import Act
from farm.trust.attestation.release_summary import evidence_of
from farm.trust.ceremony.ceremony import sign_policy
from farm.trust.ceremony.drafting import TargetsEdit, draft_targets
from farm.trust.ceremony.promotion import publish_draft
from farm.trust.keys.key_files import load_key
from farm.trust.keys.signers import read_signers
from farm.trust.metadata.repository import Repository
from farm.trust.metadata.signed_policy import steps_texts
from tests.checker.built import STEPS
from tests.checker.channel import Channel, opened_channel
from tests.refusing import refuses

if TYPE_CHECKING:
    from pathlib import Path

    from farm.core.recipe.recipe import Recipe

TESTER, OTHER, STRANGER = (CryptoSigner.generate_ed25519() for _ in range(3))
POLICY = b"gates: [proof, tests: {of: changed-and-dependents}]\n"
TESTED = "tests: [{name: works, command: [/usr/bin/works]}]\n"


@pytest.fixture
def edge(tmp_path: Path) -> Channel:
    return opened_channel(tmp_path, POLICY, testers=[TESTER, OTHER])


def _recipe(edge: Channel, name: str, more: str = "", needs: tuple[str, ...] = ()) -> Recipe:
    return edge.builder.recipe(name, more=TESTED + more, needs=needs)


def _both(edge: Channel) -> None:
    """Release zlib and png, which requires it, with results for both."""
    builder = edge.builder
    builder.build(_recipe(edge, "zlib"))
    builder.build(_recipe(edge, "png", "requires: [zlib]\n", ("zlib",)))
    tests = [builder.test("zlib", ["zlib"], TESTER), builder.test("png", ["png", "zlib"], TESTER)]
    edge.sign(*builder.built.values(), tests=tests)


def _newer_zlib(edge: Channel) -> None:
    edge.builder.build(_recipe(edge, "zlib", "environment: {LEVEL: '9'}\nrevision: 2\n"))


def test_what_listed_testers_have_passed_is_signed(edge: Channel) -> None:
    _both(edge)
    assert edge.released == 1


@pytest.mark.parametrize(
    ("tester", "passed", "otherwise"),
    [
        (STRANGER, True, {}),
        (TESTER, False, {}),
        (TESTER, True, {"test": Test("works", command=("/bin/true",))}),
        (TESTER, True, {"limits": Limits(minutes=99)}),
        (TESTER, True, {"subject": Digest.of(b"another")}),
        (TESTER, True, {"closure": ()}),
    ],
    ids=["an unlisted tester", "a failure", "another command", "other limits", "another package", "nothing there"],
)
def test_what_is_no_result_of_this_test_by_a_listed_tester_counts_for_nothing(
    edge: Channel, tester: CryptoSigner, passed: bool, otherwise: dict[str, Any]
) -> None:
    builder = edge.builder
    zlib = builder.build(_recipe(edge, "zlib"))
    wrong = builder.test("zlib", ["zlib"], tester, passed=passed, **otherwise)
    for brought in ([wrong], []):
        with refuses("untested-release", match="'works' of zlib"):
            edge.sign(zlib, tests=brought)
    edge.sign(zlib, tests=[wrong, builder.test("zlib", ["zlib"], TESTER)])
    assert edge.released == 1


def test_dependents_are_tested_with_what_changed_and_results_for_another_set_are_no_use(edge: Channel) -> None:
    _both(edge)
    builder = edge.builder
    before = builder.test("png", ["png", "zlib"], TESTER)
    _newer_zlib(edge)
    own = builder.test("zlib", ["zlib"], TESTER)
    with refuses("untested-release", match="'works' of png"):
        edge.sign(builder.built["zlib"], tests=[own, before])
    edge.sign(builder.built["zlib"], tests=[own, builder.test("png", ["png", "zlib"], TESTER)])
    assert edge.released == 2


def _with_newer_tests(edge: Channel) -> None:
    """Release png with a test that its recipe gained since, and that nobody has run yet."""
    png = edge.builder.built["png"]
    newer = edge.builder.recipe(
        "png", more=TESTED.replace("works", "still-works") + "requires: [zlib]\n", needs=("zlib",)
    )
    edge.sign(replace(png, tests=newer.digest))
    edge.builder.built["png"] = replace(png, recipe=newer)


def test_a_test_that_had_failed_before_the_change_too_holds_nothing_back(edge: Channel) -> None:
    _both(edge)
    _with_newer_tests(edge)
    builder = edge.builder
    red, green = (builder.test("png", ["png", "zlib"], TESTER, passed=passed) for passed in (False, True))
    _newer_zlib(edge)
    brought = [builder.test("zlib", ["zlib"], TESTER), builder.test("png", ["png", "zlib"], TESTER, passed=False)]
    for some in (brought, [*brought, red, green]):
        with refuses("untested-release", match="'still-works' of png"):
            edge.sign(builder.built["zlib"], tests=some)
    edge.sign(builder.built["zlib"], tests=[*brought, red])
    assert edge.released == 3


def test_newer_tests_that_fail_on_what_is_released_hold_nobody_else_back(edge: Channel) -> None:
    """The farm runs them on the base, and names them with the next release: they had failed before that."""
    _both(edge)
    builder, png = edge.builder, edge.builder.built["png"]
    more = TESTED.replace("works", "strict") + "requires: [zlib]\n"
    strict = replace(png, recipe=builder.recipe("png", more=more, needs=("zlib",)))
    builder.built["png"] = strict
    before = builder.test("png", ["png", "zlib"], TESTER, passed=False)
    _newer_zlib(edge)
    newer, named = builder.built["zlib"], replace(png, tests=strict.recipe.digest)
    now = [builder.test("zlib", ["zlib"], TESTER), builder.test("png", ["png", "zlib"], TESTER, passed=False)]
    with refuses("untested-release", match="'strict' of png"):
        edge.sign(newer, named, tests=now)
    edge.sign(newer, named, tests=[*now, before])
    assert edge.released == 2


class TestWhatHasPassedForTheBase:
    """A test that has passed for the released set was not red on it, whatever results are brought or withheld."""

    @pytest.fixture
    def brought(self, edge: Channel) -> list[SignedTest]:
        """The evidence for a newer zlib, under which the test of png fails; it failed once on the base, too."""
        builder = edge.builder
        builder.build(_recipe(edge, "zlib"))
        builder.build(_recipe(edge, "png", "requires: [zlib]\n", ("zlib",)))
        flake = builder.test("png", ["png", "zlib"], TESTER, passed=False)
        passed = [builder.test("zlib", ["zlib"], TESTER), builder.test("png", ["png", "zlib"], TESTER)]
        edge.sign(*builder.built.values(), tests=[*passed, flake])
        _newer_zlib(edge)
        failed = builder.test("png", ["png", "zlib"], TESTER, passed=False)
        return [builder.test("zlib", ["zlib"], TESTER), failed, flake]

    def refused(self, edge: Channel, brought: list[SignedTest]) -> None:
        with refuses("untested-release", match="'works' of png"):
            edge.sign(edge.builder.built["zlib"], tests=brought)

    def test_it_is_kept_with_the_release(self, edge: Channel, brought: list[SignedTest]) -> None:
        self.refused(edge, brought)
        edge.decision = edge.deciding()
        self.refused(edge, brought)

    def test_a_record_that_is_lost_is_filled_anew(self, edge: Channel, brought: list[SignedTest]) -> None:
        edge.sign()
        (edge.record.directory / "tests.sqlite").unlink()
        edge.decision = edge.deciding()
        self.refused(edge, brought)

    @pytest.mark.parametrize("is_there", [True, False], ids=["damaged", "gone"])
    def test_evidence_that_is_lost_too_stops_nothing(
        self, edge: Channel, brought: list[SignedTest], is_there: bool
    ) -> None:
        evidence = evidence_of(Repository(edge.public).summary(edge.newest().digest) or b"")
        assert evidence
        path = edge.builder.blobs.path(evidence)
        path.unlink()
        if is_there:
            path.write_bytes(b"rubbish")
        (edge.record.directory / "tests.sqlite").unlink(missing_ok=True)
        edge.decision = edge.deciding()
        edge.sign(edge.builder.built["zlib"], tests=brought)
        assert edge.released == 2

    def test_what_only_others_have_passed_who_are_no_testers_any_more_counts_for_nothing(
        self, edge: Channel, brought: list[SignedTest]
    ) -> None:
        """They may have been removed from the list because they lied."""
        repository, builder = Repository(edge.public), edge.builder
        self.refused(edge, brought)
        edit = TargetsEdit(remove_testers=(TESTER.public_key.keyid,))
        draft = draft_targets(repository, edit, edge.now).signed_by(load_key(edge.keys / "offline" / "targets"))
        publish_draft(repository, draft, read_signers(edge.keys / "online"), edge.now)
        newer, png = builder.built["zlib"], ["png", "zlib"]
        now = [builder.test("zlib", ["zlib"], OTHER), builder.test("png", png, OTHER, passed=False)]
        builder.built["zlib"] = builder.ever[0]
        before = builder.test("png", png, OTHER, passed=False)
        edge.sign(newer, tests=[*now, before])
        assert edge.released == 2


def test_whose_tests_need_what_changed_is_tested_too(edge: Channel) -> None:
    builder = edge.builder
    zlib = builder.build(_recipe(edge, "zlib"))
    needing = TESTED.replace("works]", "works], needs: [zlib]")
    tool = builder.build(builder.recipe("tool", more=needing))
    first = [builder.test("zlib", ["zlib"], TESTER), builder.test("tool", ["tool", "zlib"], TESTER)]
    edge.sign(zlib, tool, tests=first)
    _newer_zlib(edge)
    own = builder.test("zlib", ["zlib"], TESTER)
    with refuses("untested-release", match="'works' of tool"):
        edge.sign(builder.built["zlib"], tests=[own])
    edge.sign(builder.built["zlib"], tests=[own, builder.test("tool", ["tool", "zlib"], TESTER)])


def test_what_newer_tests_do_not_need_any_more_may_move_without_them(edge: Channel) -> None:
    builder = edge.builder
    zlib = builder.build(_recipe(edge, "zlib"))
    tool = builder.build(builder.recipe("tool", more=TESTED.replace("works]", "works], needs: [zlib]")))
    first = [builder.test("zlib", ["zlib"], TESTER), builder.test("tool", ["tool", "zlib"], TESTER)]
    edge.sign(zlib, tool, tests=first)
    _newer_zlib(edge)
    own = [builder.test("zlib", ["zlib"], TESTER)]
    with refuses("untested-release", match="'works' of tool"):
        edge.sign(builder.built["zlib"], tests=own)
    edge.sign(builder.built["zlib"], replace(tool, tests=_recipe(edge, "tool").digest), tests=own)
    assert edge.released == 2


def test_a_test_that_cannot_be_run_is_none_that_has_passed(edge: Channel) -> None:
    builder = edge.builder
    tool = builder.build(builder.recipe("tool", more=TESTED.replace("works]", "works], needs: [gone]")))
    with refuses("untested-release", match="'works' of tool"):
        edge.sign(tool, tests=[builder.test("tool", ["tool"], TESTER)])


def test_as_many_testers_agree_as_are_signed(tmp_path: Path) -> None:
    edge = opened_channel(tmp_path, POLICY, testers=[TESTER, OTHER], needed=2)
    builder = edge.builder
    zlib = builder.build(_recipe(edge, "zlib"))
    once = builder.test("zlib", ["zlib"], TESTER)
    again = builder.test("zlib", ["zlib"], TESTER, passed=True)
    with refuses("untested-release", match="a result of 2 listed testers"):
        edge.sign(zlib, tests=[once, again])
    edge.sign(zlib, tests=[once, builder.test("zlib", ["zlib"], OTHER)])
    assert edge.released == 1


def test_what_goes_back_to_a_set_of_before_was_tested_then(edge: Channel) -> None:
    _both(edge)
    builder = edge.builder
    old = builder.built["zlib"]
    _newer_zlib(edge)
    results = [builder.test("zlib", ["zlib"], TESTER), builder.test("png", ["png", "zlib"], TESTER)]
    base = edge.newest().digest
    edge.sign(builder.built["zlib"], tests=results)

    edge.order(Act.ROLLBACK, target=base)
    edge.sign(old)
    assert edge.released == 3


def test_rubbish_among_the_results_counts_for_nothing(edge: Channel) -> None:
    builder = edge.builder
    zlib = builder.build(_recipe(edge, "zlib"))
    good = builder.test("zlib", ["zlib"], TESTER)
    rubbish = builder.blobs.put_bytes(b"rubbish")
    brought = [
        SignedTest(rubbish, good.results),
        SignedTest(good.order, (rubbish, Digest.of(b"not there"))),
        SignedTest(Digest.of(b"gone"), good.results),
    ]
    with refuses("untested-release"):
        edge.sign(zlib, tests=brought)
    edge.sign(zlib, tests=[*brought, replace(good)])


def test_a_recipe_that_is_hidden_for_a_while_hides_no_test(edge: Channel) -> None:
    """Control can delete published blobs; a missing record of a test must not pass for knowledge about the test."""
    builder = edge.builder
    builder.build(_recipe(edge, "zlib"))
    tool = builder.recipe("tool", more="tests: [{name: works, command: [/usr/bin/works], needs: [zlib]}]\n")
    builder.build(tool)
    tests = [builder.test("zlib", ["zlib"], TESTER), builder.test("tool", ["tool", "zlib"], TESTER)]
    edge.sign(*builder.built.values(), tests=tests)
    _newer_zlib(edge)
    asked = edge.prepare(builder.built["zlib"], tests=[builder.test("zlib", ["zlib"], TESTER)])
    place = builder.blobs.path(tool.digest)
    edge.decision = edge.deciding()
    place.rename(place.with_name("hidden"))
    with pytest.raises(MissingBlobError):
        edge.ask(*asked)
    place.with_name("hidden").rename(place)
    with refuses("untested-release", match="'works' of tool"):
        edge.ask(*asked)


def test_a_recipe_whose_steps_are_signed_again_is_read_again(edge: Channel) -> None:
    builder = edge.builder
    builder.build(_recipe(edge, "zlib"))
    builder.build(builder.recipe("tool", more=TESTED.replace("works]", "works], needs: [zlib]")))
    tests = [builder.test("zlib", ["zlib"], TESTER), builder.test("tool", ["tool", "zlib"], TESTER)]
    edge.sign(*builder.built.values(), tests=tests)
    edge.decision = edge.deciding()
    without = {path: text for path, text in STEPS.items() if "install" not in path}
    builder.blobs.put_bytes(canonical_json(steps_texts(without)))
    for steps in (without, STEPS):
        sign_policy(Repository(edge.public), edge.keys, builder.policy(steps), edge.now)
        edge.sign()
    _newer_zlib(edge)
    own = builder.test("zlib", ["zlib"], TESTER)
    with refuses("untested-release", match="'works' of tool"):
        edge.sign(builder.built["zlib"], tests=[own])


def test_steps_that_are_hidden_for_a_while_let_nothing_be_read_by_older_ones(edge: Channel) -> None:
    newest, *_ = edge.builder.policy().steps
    place = edge.builder.blobs.path(newest)
    zlib = edge.builder.build(_recipe(edge, "zlib"))
    asked = edge.prepare(zlib, tests=[edge.builder.test("zlib", ["zlib"], TESTER)])
    place.rename(place.with_name("hidden"))
    with pytest.raises(MissingBlobError):
        edge.ask(*asked)
    place.with_name("hidden").rename(place)
    edge.ask(*asked)
    assert edge.released == 1
