"""A subscriber's policy as a file: its meaning, and its errors."""

from __future__ import annotations

import pytest

from farm.core.files.problems import RecipeError
from farm.core.subscriber.policy_file import Policy, read_policy, stricter

WHOLE = b"""\
channels: [dist.example.org/stable, other.example/edge]
maximum-severity: high
overrides: forbidden
minimum-attestations: 2
capabilities: [CAP_NET_BIND_SERVICE]
"""


def problems(text: str) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        read_policy(text.encode(), "policy.yaml")
    return [problem.in_a_line() for problem in caught.value.problems]


def test_it_says_what_may_run() -> None:
    assert read_policy(WHOLE, "policy.yaml") == Policy(
        channels=("dist.example.org/stable", "other.example/edge"),
        maximum_severity="high",
        overrides="forbidden",
        minimum_attestations=2,
        capabilities=("CAP_NET_BIND_SERVICE",),
    )


def test_what_is_not_said_is_not_limited() -> None:
    assert read_policy(b"{}", "policy.yaml").limits_nothing
    assert not read_policy(b"capabilities: []", "policy.yaml").limits_nothing


@pytest.mark.parametrize(("count", "allowed"), [(0, False), (1, True), (16, True), (17, False)])
def test_from_one_to_sixteen_attestations_can_be_asked_for(count: int, *, allowed: bool) -> None:
    text = f"minimum-attestations: {count}"
    if allowed:
        assert read_policy(text.encode(), "policy.yaml").minimum_attestations == count
    else:
        assert problems(text) == ["policy.yaml:1:23: minimum-attestations should be from 1 to 16"]


def test_all_that_is_wrong_is_shown_with_its_place_and_what_was_meant() -> None:
    assert problems(
        "chanels: [a/b]\nmaximum-severity: hihg\noverrides: no\nminimum-attestations: 0\ncapabilities: [CAP_NET_RAWW]\n"
    ) == [
        "policy.yaml:1:1: a policy has no key 'chanels'. Did you mean channels?",
        "policy.yaml:2:19: maximum-severity cannot be 'hihg'. Did you mean high?",
        "policy.yaml:3:12: overrides cannot be 'no'. Known here: allowed, forbidden.",
        "policy.yaml:4:23: minimum-attestations should be from 1 to 16",
        "policy.yaml:5:16: 'CAP_NET_RAWW' is not a capability. Did you mean CAP_NET_RAW?",
    ]
    assert problems("channels: [stable]") == [
        "policy.yaml:1:12: 'stable' is not a channel of a distribution. Write it as dist.example.org/stable."
    ]
    assert problems("channels: []") == [
        "policy.yaml:1:11: no channel is allowed, so that nothing could run. Name one, or leave the key out."
    ]


@pytest.mark.parametrize(
    ("file", "given", "both"),
    [("", "low", "low"), ("high", "", "high"), ("high", "low", "low"), ("low", "critical", "low"), ("", "", "")],
)
def test_of_a_file_and_a_command_the_stricter_counts(file: str, given: str, both: str) -> None:
    policy = Policy(maximum_severity=file, overrides="forbidden")  # type: ignore[arg-type]
    found = stricter(policy, given)
    assert (found.maximum_severity, found.overrides) == (both, "forbidden")
    assert found.by_command == (both != file)
