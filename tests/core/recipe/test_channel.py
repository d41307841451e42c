"""Channel policies: what is read, and every error message. `UPDATE_GOLDEN=1` rewrites the messages."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from farm.core.files.problems import RecipeError
from farm.core.policy.channel import ChannelPolicy, Transition
from farm.core.policy.channel_reading import KEYS, read_channels, survey_channels
from farm.core.policy.gate_kind import gate_key
from farm.core.policy.gates.advisories import AdvisoriesGate
from farm.core.policy.gates.approvals import ApprovalsGate
from farm.core.policy.gates.hardening import HardeningGate
from farm.core.policy.gates.host import HostGate
from farm.core.policy.gates.licenses import LicensesGate
from farm.core.policy.gates.registry import GATES
from farm.core.policy.gates.reproduced import ReproducedGate
from farm.core.policy.gates.set_gates import ProofGate, TestsGate
from farm.core.policy.gates.soak import SoakGate

ROOT = Path(__file__).parents[3]
GOLDEN = Path(__file__).parent / "golden" / "channels"
CASES = sorted(path.stem for path in GOLDEN.glob("*.yaml"))
CURATORS = {"curators": {"alice": "0" * 64, "bob": "1" * 64}}
PACKAGES = ("curl", "jq", "oniguruma", "openssl")
OTHERS = {
    "channels/edge.yaml": b"gates: [proof]\n",
    "channels/wheel.yaml": b"from: ring\ngates: [proof]\n",
}

STABLE = b"""\
from: edge
gates:
  - proof
  - tests: {of: all}
  - reproduced: {agree: 3}
  - soak: 24h
  - approvals: {of: curators, count: 2}
  - licenses: {deny: [AGPL-3.0-only, GPL-3.0-only WITH GCC-exception-3.1]}
  - advisories: {block: critical}
  - host: {kernel: "6.1", features: [CONFIG_IO_URING], capabilities: [CAP_NET_RAW]}
  - hardening
rebuild: always
role: stable
cadence: 1h
transitions:
  - {name: openssl-4, packages: [openssl, curl]}
"""


def read(text: bytes, name: str = "stable") -> ChannelPolicy:
    files = {"channels/edge.yaml": OTHERS["channels/edge.yaml"], f"channels/{name}.yaml": text}
    return read_channels(files, curators=CURATORS, packages=PACKAGES)[name]


@pytest.mark.parametrize("case", CASES)
def test_an_impossible_policy_is_refused_with_these_words(case: str) -> None:
    others = OTHERS if case == "ring" else {"channels/edge.yaml": OTHERS["channels/edge.yaml"]}
    files = {**others, f"channels/{case}.yaml": (GOLDEN / f"{case}.yaml").read_bytes()}
    with pytest.raises(RecipeError) as caught:
        read_channels(files, curators=CURATORS, packages=PACKAGES)

    message, expected = f"{caught.value}\n", GOLDEN / f"{case}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        expected.write_text(message)
    assert message == expected.read_text()
    assert all(problem.place.line for problem in caught.value.problems)


def test_a_policy_with_everything_is_read() -> None:
    assert read(STABLE) == ChannelPolicy(
        "stable",
        (
            ProofGate(),
            TestsGate("all"),
            ReproducedGate(3),
            SoakGate(timedelta(days=1)),
            ApprovalsGate("curators", 2),
            LicensesGate(deny=("AGPL-3.0-only", "GPL-3.0-only WITH GCC-exception-3.1")),
            AdvisoriesGate("critical"),
            HostGate("6.1", ("CONFIG_IO_URING",), ("CAP_NET_RAW",)),
            HardeningGate(),
        ),
        "edge",
        "always",
        "stable",
        timedelta(hours=1),
        (Transition("openssl-4", ("openssl", "curl")),),
    )


def test_gates_without_settings_have_usual_ones() -> None:
    policy = read(b"from: edge\ngates: [proof, tests, reproduced, approvals, advisories]\n")

    assert policy.gates[1:] == (
        TestsGate("changed-and-dependents"),
        ReproducedGate(2),
        ApprovalsGate("curators", 1),
        AdvisoriesGate("high"),
    )


def test_a_policy_in_force_is_kept_as_plain_values() -> None:
    assert read(STABLE).to_dict() == {
        "cadence": "1h",
        "from": "edge",
        "gates": [
            {"gate": "proof"},
            {"gate": "tests", "of": "all"},
            {"agree": 3, "gate": "reproduced"},
            {"duration": "1d", "gate": "soak"},
            {"count": 2, "gate": "approvals", "of": "curators"},
            {"allow": [], "deny": ["AGPL-3.0-only", "GPL-3.0-only WITH GCC-exception-3.1"], "gate": "licences"},
            {"block": "critical", "gate": "advisories"},
            {"capabilities": ["CAP_NET_RAW"], "features": ["CONFIG_IO_URING"], "gate": "host", "kernel": "6.1"},
            {"gate": "hardening"},
        ],
        "name": "stable",
        "rebuild": "always",
        "role": "stable",
        "transitions": [{"name": "openssl-4", "packages": ["openssl", "curl"]}],
    }


def test_what_is_not_known_is_not_compared() -> None:
    text = b"gates: [proof, approvals: {of: nobody}]\ntransitions: [{name: x, packages: [one, two]}]\n"
    policy = read_channels({"channels/edge.yaml": text})["edge"]

    assert policy.gates[1] == ApprovalsGate("nobody")


def test_a_ring_of_channels_is_reported_once() -> None:
    files = {
        f"channels/{name}.yaml": f"from: {source}\ngates: [proof]\n".encode() for name, source in ("xy", "yz", "zx")
    }
    with pytest.raises(RecipeError) as caught:
        read_channels(files)

    (problem,) = caught.value.problems
    assert "in a cycle: x from y from z from x" in problem.message


def test_two_channels_may_not_sign_with_one_role() -> None:
    files = dict.fromkeys(("channels/x.yaml", "channels/y.yaml"), b"gates: [proof]\nrole: releases\n")
    with pytest.raises(RecipeError, match="cannot have the role releases: releases is that of the channel y"):
        read_channels(files)


def test_a_channel_is_not_called_like_a_role_of_the_repository() -> None:
    with pytest.raises(RecipeError, match="the channel name advisories looks like the role advisories"):
        read(b"gates: [proof]\n", "advisories")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("edge-two", "the channel names edge and edge-two can be taken for each other"),
        ("beta+1", "'beta+1' cannot be the name of a channel"),
        ("x-", "'x-' cannot be the name of a channel"),
        ("Stable", "'Stable' cannot be the name of a channel"),
        ("", "'' cannot be the name of a channel"),
        ("snapshots", "the channel name snapshots looks like the role snapshot"),
        ("stab1e", "the channel names stab1e and stable can be taken for each other"),
    ],
)
def test_a_name_that_a_subscriber_could_confuse_is_refused_where_its_file_begins(name: str, message: str) -> None:
    edge, stable = b"gates: [proof]\n", b"from: edge\ngates: [proof]\n"
    files = {"channels/edge.yaml": edge, "channels/stable.yaml": stable, f"channels/{name}.yaml": b"\n# new\n" + edge}
    found = survey_channels(files)
    ((problem,),) = found.problems.values()
    assert problem.message == message
    assert str(problem.place) == f"channels/{name}.yaml:3:1"
    assert set(found.policies) == {"edge", "stable"}


def test_a_file_with_a_mistake_stops_its_own_channel_alone() -> None:
    files = {
        "channels/edge.yaml": b"gates: [proof]\n",
        "channels/stable.yaml": b"from: edge\ngates: [proof, advisories: {block: hgih}]\n",
        "channels/lts.yaml": b"from: stable\ngates: [proof, soak: 7d]\n",
        "channels/torn.yaml": b"",
    }
    found = survey_channels(files)
    assert set(found.policies) == {"edge", "lts"}
    assert {name: [str(problem.place) for problem in problems] for name, problems in found.problems.items()} == {
        "stable": ["channels/stable.yaml:2:36"],
        "torn": ["channels/torn.yaml:1:1"],
    }
    with pytest.raises(RecipeError) as caught:
        read_channels(files)
    assert len(caught.value.problems) == 2


def test_every_gate_has_a_value_of_its_kind() -> None:
    settings = {"soak": "soak: 1h", "licenses": "licenses: {allow: [MIT]}", "host": 'host: {kernel: "6.1"}'}
    for gate in GATES:
        text = f"from: edge\ngates: [proof, {settings.get(gate, gate)}]\n" if gate != "proof" else "gates: [proof]\n"
        assert gate_key(read(text.encode()).gates[-1].kind) == gate


def test_every_golden_file_has_its_policy() -> None:
    assert len(CASES) > 10
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(CASES)
    assert len(KEYS) == 6
