"""Names of channels: one rule for recipes, signing, and subscriptions."""

from __future__ import annotations

import pytest

from farm.core.names.channel_name import ROLES, faults_of_channel_names
from farm.trust.layout import ADVISORIES
from farm.trust.metadata.delegation import TOP_ROLES


def test_the_roles_of_a_repository_are_no_channels() -> None:
    assert set(ROLES) == {*TOP_ROLES, ADVISORIES}


def test_names_that_nobody_confuses_are_good() -> None:
    assert list(faults_of_channel_names(["edge", "stable", "lts-2027", "nightly", "x" * 63])) == []


@pytest.mark.parametrize("name", ["", "Edge", "2027", "x-", "x--y", "beta+1", "a.b", "../root", "x" * 64, "é"])
def test_what_has_not_the_form_is_told_once(name: str) -> None:
    (fault,) = faults_of_channel_names([name, "stable"])
    assert fault.name == name
    assert "cannot be the name of a channel" in fault.message


@pytest.mark.parametrize(
    ("names", "blamed"),
    [
        (("stable", "stab1e"), "stab1e"),
        (("edge", "edge-two"), "edge-two"),
        (("e-dge", "edge"), "e-dge"),
        (("nightly", "night"), "nightly"),
        (("snapshots",), "snapshots"),
        (("r00t",), "r00t"),
    ],
)
def test_the_one_that_looks_like_an_imitation_is_at_fault(names: tuple[str, ...], blamed: str) -> None:
    (fault,) = faults_of_channel_names(names)
    assert fault.name == blamed
