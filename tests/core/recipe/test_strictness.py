"""Whether one policy is as strict as another: for every setting of every gate, in both directions."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from farm.core.policy import strictness
from farm.core.policy.gates.registry import GATES
from farm.core.policy.policies import read_policies

if TYPE_CHECKING:
    from farm.core.policy.channel import ChannelPolicy

GROUPS = {"curators": {"alice": "0a" * 32, "ben": "0b" * 32}}


def laxer(
    wanted: ChannelPolicy, signed: ChannelPolicy, groups: dict[str, dict[str, str]], limits: dict[str, dict[str, str]]
) -> tuple[str, ...]:
    return tuple(strictness.weaker_settings(wanted, signed, groups, limits))


def _policy(gates: str, rest: str = "") -> ChannelPolicy:
    text = f"gates: [proof{gates and ', ' + gates}]\n{rest}".encode()
    said = read_policies(
        {
            "channels/c.yaml": text,
            "channels/edge.yaml": b"gates: [proof]\n",
            "channels/other.yaml": b"gates: [proof]\n",
            "curators.yaml": b"curators: {alice: '%s', ben: '%s'}\n" % (b"0a" * 32, b"0b" * 32),
        }
    )
    assert said.troubles == {}
    return said.policies["c"]


# From the laxest to the strictest: each requires more than all before it.
LADDERS = {
    "abi": ["", "abi"],
    "hardening": ["", "hardening"],
    "tests": ["", "tests: {of: changed}", "tests: {of: changed-and-dependents}", "tests: {of: all}"],
    "reproduced": ["", "reproduced: {agree: 2}", "reproduced: {agree: 3}"],
    "approvals": ["", "approvals: {count: 1}", "approvals: {count: 2}"],
    "licenses": ["", "licenses: {deny: [AGPL-3.0-only]}", "licenses: {deny: [AGPL-3.0-only, GPL-3.0-only]}"],
    "licenses, allowed": [
        "licenses: {deny: [AGPL-3.0-only]}",
        "licenses: {allow: [MIT, Zlib]}",
        "licenses: {allow: [MIT]}",
    ],
    "advisories": ["", *(f"advisories: {{block: {severity}}}" for severity in ("critical", "high", "medium", "low"))],
    "host": [
        "",
        'host: {kernel: "6.6", features: [CONFIG_A]}',
        'host: {kernel: "6.1", features: [CONFIG_A]}',
        'host: {kernel: "6.1"}',
    ],
}


@pytest.mark.parametrize("ladder", LADDERS.values(), ids=LADDERS)
def test_a_gate_may_be_made_stricter_and_never_laxer(ladder: list[str]) -> None:
    for (low, lower), (high, higher) in itertools.product(enumerate(ladder), repeat=2):
        differences = laxer(_policy(lower), _policy(higher), GROUPS, GROUPS)
        assert bool(differences) == (low < high), (lower, higher, differences)


def test_every_gate_is_on_a_ladder_or_has_no_settings() -> None:
    on_ladders = {rung.partition(":")[0] for ladder in LADDERS.values() for rung in ladder if rung}
    assert set(GATES) - on_ladders == {"proof", "soak"}  # soak: below, as it needs a channel to take from


def test_soak_may_only_become_longer() -> None:
    short, long = _policy("soak: 1h", "from: edge\n"), _policy("soak: 24h", "from: edge\n")
    assert laxer(short, long, GROUPS, GROUPS) == ("the gate soak: 1h instead of 1d",)
    assert laxer(long, short, GROUPS, GROUPS) == ()


def test_a_channel_may_not_take_from_elsewhere() -> None:
    edge, other, fresh = _policy("", "from: edge\n"), _policy("", "from: other\n"), _policy("")
    assert laxer(other, edge, GROUPS, GROUPS) == ("it takes what other has released instead of what edge has released",)
    assert laxer(fresh, edge, GROUPS, GROUPS) == ("it takes fresh builds instead of what edge has released",)
    assert laxer(edge, fresh, GROUPS, GROUPS) == ("it takes what edge has released instead of fresh builds",)


def test_what_is_rebuilt_and_what_moves_together_may_only_become_more() -> None:
    static, always = _policy("", "rebuild: static-consumers\n"), _policy("", "rebuild: always\n")
    assert laxer(static, always, GROUPS, GROUPS) == ("it rebuilds static-consumers instead of always",)
    assert laxer(always, static, GROUPS, GROUPS) == ()
    two = _policy("", "transitions: [{name: t, packages: [a, b]}]\n")
    three = _policy("", "transitions: [{name: u, packages: [a, b, c]}]\n")
    assert laxer(two, three, GROUPS, GROUPS) == ("the transition u is missing",)
    assert laxer(three, two, GROUPS, GROUPS) == ()


def test_how_often_a_channel_releases_is_its_own_matter() -> None:
    assert laxer(_policy(""), _policy("", "cadence: 1h\n"), GROUPS, GROUPS) == ()


def test_a_group_may_lose_people_and_gain_none() -> None:
    policy = _policy("approvals: {count: 1}")
    fewer = {"curators": {"alice": "0a" * 32}}
    other = {"curators": {"alice": "0c" * 32}}
    assert laxer(policy, policy, fewer, GROUPS) == ()
    (difference,) = laxer(policy, policy, GROUPS, fewer)
    assert difference == "the gate approvals: by ben, with a key that is not signed for curators"
    (difference,) = laxer(policy, policy, other, GROUPS)
    assert "alice" in difference
