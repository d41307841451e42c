"""Tests run when anything in their own closure changes: what the package needs to run, or what only the test needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.policy.channel import ChannelPolicy
from farm.core.policy.gates.set_gates import ProofGate, TestsGate
from farm.server.pipeline.gates.standing_gates import Holds
from farm.server.pipeline.pipeline import Pipeline
from tests.farms.releasing import EDGE
from tests.farms.small import recipe
from tests.farms.two_channels import TwoChannels

if TYPE_CHECKING:
    from tests.farms.releasing import ReleasingFarm


def having(name: str, *needs: str, test: str = "t", version: str = "1.0") -> dict[str, bytes]:
    more = f"tests:\n  - {{name: {test}, command: [x], needs: [{', '.join(needs)}]}}\n"
    return recipe(name, more=more, version=version)


def both_new(_test: str, there: dict[str, str]) -> bool:
    return not (there.get("aa") == there.get("bb") == "2.0")


def test_what_only_a_test_needs_is_tried_in_it_and_the_culprit_is_what_has_changed(releasing: ReleasingFarm) -> None:
    releasing.submit(recipe("aa"), recipe("bb"), having("ta", "aa", "bb"))
    releasing.settle()
    assert releasing.test_runs == ["t"]
    releasing.submit(recipe("aa", version="2.0"), recipe("bb", version="2.0"))
    releasing.settle(judge=both_new)
    assert releasing.versions() == {"aa": "2.0", "bb": "1.0", "ta": "1.0"}
    (excuse,) = releasing.excuses().values()
    assert (excuse.package, excuse.gate, excuse.partners) == ("bb", "tests", ("aa 2.0-1",))
    assert "test 't' of ta failed in job" in excuse.reason


def test_so_is_what_that_needs_to_run(releasing: ReleasingFarm) -> None:
    releasing.shape("user", "1.0", {}, requires=("package:aa",))
    releasing.submit(recipe("aa"), recipe("user"), having("ta", "user"))
    releasing.settle()
    releasing.submit(recipe("aa", version="2.0"))
    releasing.settle(judge=lambda _test, there: there["aa"] == "1.0")
    assert releasing.versions()["aa"] == "1.0"
    assert set(releasing.excuses()) == {"aa"}


def test_who_uses_the_tested_package_is_not_tested_for_it(releasing: ReleasingFarm) -> None:
    releasing.shape("user", "1.0", {}, requires=("package:ta",))
    releasing.submit(recipe("aa"), having("ta", "aa"), having("user", test="of user"))
    releasing.settle()
    releasing.test_runs.clear()
    releasing.submit(recipe("aa", version="2.0"))
    releasing.settle()
    assert releasing.test_runs == ["t"]


def test_what_tests_need_is_that_of_the_newest_release_also_for_a_process_that_begins(releasing: ReleasingFarm) -> None:
    releasing.submit(recipe("aa"), recipe("bb"), having("ta", "aa"))
    releasing.settle()
    releasing.submit(having("ta", "bb", version="2.0"))
    releasing.settle()
    for version in ("2.0", "3.0"):
        releasing.test_runs.clear()
        releasing.submit(recipe("aa", version=version))
        releasing.settle(failing=("t",))
        assert releasing.versions()["aa"] == version
        releasing.submit(recipe("bb", version=version))
        releasing.settle(failing=("t",))
        assert set(releasing.excuses()) == {"bb"}
        assert releasing.test_runs == ["t"] * 3  # a failure is seen three times before it counts
        application, root = releasing.application, releasing.signer.repository.root
        releasing.pipeline = Pipeline(application, EDGE, root, releasing.signer)


def test_what_a_test_needs_does_not_go_before_the_test_is_mended(releasing: ReleasingFarm) -> None:
    application, root = releasing.application, releasing.signer.repository.root
    releasing.pipeline = Pipeline(application, ChannelPolicy("edge", (ProofGate(),)), root, releasing.signer)
    two = TwoChannels.open(releasing)
    policy = ChannelPolicy("stable", (ProofGate(), TestsGate()), "edge")
    two.stable = Pipeline(application, policy, root, releasing.signer, gates=(Holds(),))
    releasing.submit(recipe("aa"))
    releasing.fail(releasing.claim())
    releasing.submit(recipe("bb"), having("ta", "aa"))
    releasing.settle()
    assert set(releasing.versions()) == {"bb", "ta"}
    releasing.submit(recipe("aa", version="1.1"))
    releasing.settle()
    assert two.stable.advance().state == "open"
    releasing.run_tests()
    two.settle()
    assert two.holds() == {"aa", "bb", "ta"}
    two.roll_back("edge", 1)
    two.settle()
    assert two.holds() == {"aa", "bb", "ta"}
    assert "test 't' of ta cannot be run: the set has no package 'aa'" in two.excuses()["aa"].reason
