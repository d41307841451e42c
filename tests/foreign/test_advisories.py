"""Advisories about packages of another distribution: from their owner, and from the distribution that is followed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from farm.client.audit.audit import audit_channel, audit_root
from farm.client.findings.policy import RefusedByPolicyError
from farm.client.findings.policy_in_force import PolicyInForce
from farm.client.repository.known_advisories import NoAdvisoriesError
from tests.client.installing import install
from tests.core.advisories.osv_documents import openvex, osv
from tests.foreign.neighbours import FIRST, announce, review, their_own_web, theirs
from tests.foreign.test_client import SAY, SSL, follow

if TYPE_CHECKING:
    from pathlib import Path

    from farm.client.repository.host import Host
    from tests.foreign.neighbours import Neighbours


@pytest.fixture
def following(neighbours: Neighbours, host: Host) -> Neighbours:
    """The neighbours, without advisories; the host follows the second."""
    neighbours.publish("openssl", "say")
    announce(neighbours.first)
    announce(neighbours.second)
    follow(host, neighbours.second)
    return neighbours


def check(host: Host) -> None:
    catalogue = host.catalogue()
    PolicyInForce(max_severity="medium").check(host, catalogue, catalogue.verified(["web"]))


def test_what_the_owner_of_a_foreign_package_says_counts_for_the_subscriber(following: Neighbours, host: Host) -> None:
    check(host)
    announce(following.first, theirs("unused", fixed=""))
    check(host)
    announce(following.first, theirs("say", fixed="1.0-2", id="EXAMPLE-2026-2"), theirs("unused", fixed=""))
    with pytest.raises(RefusedByPolicyError, match=f"{SAY} 1.0-1 has EXAMPLE-2026-2") as caught:
        check(host)
    assert caught.value.remedy.startswith(f"Wait for {SAY} 1.0-2")
    statement = openvex(product=f"{FIRST}/say", about="EXAMPLE-2026-2")
    announce(
        following.first,
        theirs("say", fixed="1.0-2", id="EXAMPLE-2026-2"),
        theirs("unused", fixed=""),
        statements=statement,
    )
    check(host)


def test_so_does_what_his_own_distribution_says_of_it(following: Neighbours, host: Host) -> None:
    announce(following.second, osv(package=SSL, fixed=""))
    with pytest.raises(RefusedByPolicyError, match=f"{SSL} 3.0-1 has EXAMPLE-2026-1"):
        check(host)
    announce(following.second, osv(package=SSL, fixed=""), statements=openvex(product=SSL))
    check(host)


def test_another_says_nothing_about_packages_that_are_not_its_own(following: Neighbours, host: Host) -> None:
    announce(following.first, their_own_web())
    check(host)


def test_who_publishes_no_list_lets_nothing_be_known(neighbours: Neighbours, host: Host) -> None:
    neighbours.publish("openssl", "say")
    announce(neighbours.second)
    follow(host, neighbours.second)
    with pytest.raises(NoAdvisoriesError, match=f"{FIRST} publishes no advisories"):
        check(host)


def test_an_audit_names_what_holds_for_foreign_packages(following: Neighbours, host: Host, tmp_path: Path) -> None:
    install(host, tmp_path / "root", "web")
    announce(following.first, theirs("say", fixed="2.0-1"))
    found = audit_root(host, tmp_path / "root")
    assert found.packages == 3
    assert [exposure.finding.package for exposure in audit_channel(host, "").exposed] == [SAY]
    ((exposed,), harmless) = (found.exposed, found.harmless)
    assert (exposed.finding.package, exposed.finding.fixed, exposed.fixed_in, harmless) == (SAY, "2.0-1", None, ())
    # The other distribution fixes it, and the followed distribution imports the fix.
    following.first.package("say", {"bin/say": "\x7fmended"}, version="2.0")
    following.first.publish()
    following.publish("openssl", "say")
    (exposed,) = audit_root(host, tmp_path / "root").exposed
    assert exposed.fixed_in is not None
    assert exposed.fixed_in.number == 2
    assert exposed.command.startswith("farm upgrade")


def test_packages_of_others_are_looked_at_by_their_owner_or_by_who_takes_them(
    neighbours: Neighbours, host: Host
) -> None:
    neighbours.publish("openssl", "say")
    announce(neighbours.second)
    follow(host, neighbours.second)
    review(neighbours.second, "web")
    found = audit_channel(host, "")
    assert found.uncovered == (SSL, SAY)
    assert [(source.distribution, source.advisories) for source in found.data if source.uncovered] == [(FIRST, None)]
    announce(neighbours.first)
    review(neighbours.first, "say")
    assert audit_channel(host, "").uncovered == (SSL,)
    review(neighbours.second, SSL, "web")
    assert audit_channel(host, "").uncovered == ()
