"""What a person is told while a channel decides."""

from __future__ import annotations

from typing import Any

import pytest

from farm.cli.submit import waits_for_signer, waits_for_thaw


def status(*gates: str, state: str = "open") -> dict[str, Any]:
    return {"candidate": {"state": state, "gates": [{"gate": "proof", "state": each} for each in gates]}}


def test_a_candidate_that_passed_and_comes_to_nothing_waits_for_the_signer() -> None:
    assert waits_for_signer(status("passed", "passed"), 10.0)
    assert not waits_for_signer(status("passed", "passed"), 9.0)


@pytest.mark.parametrize(
    "other", [status("passed", "pending"), status(), status("passed", state="released"), {"candidate": None}]
)
def test_everything_else_waits_for_something_else(other: dict[str, Any]) -> None:
    assert not waits_for_signer(other, 60.0)


def test_a_candidate_that_waits_for_a_thaw_is_not_waited_for() -> None:
    proof = {"gate": "proof", "state": "passed", "summary": "3 packages proven"}
    gates = [proof, {"gate": "freeze", "state": "pending", "summary": "x"}]
    frozen = {"candidate": {"id": 3, "state": "open", "gates": gates}, "frozen": {"why": "x"}}
    assert waits_for_thaw(frozen) == "candidate 3: x"
    for other in (
        {"frozen": None},
        {"candidate": None},
        {"candidate": {"id": 3, "state": "open", "gates": [proof]}},
        {"candidate": {"id": 3, "state": "released", "gates": gates}},
    ):
        assert not waits_for_thaw(frozen | other)
