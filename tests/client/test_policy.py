"""What a policy has against a set: plain values in, reasons out."""

from __future__ import annotations

from dataclasses import replace

from farm.client.policy import Known, judge
from farm.compat import PlacedPackage, ReleaseRef, SetRecord
from farm.names import Digest, PackageName
from farm.recipe.policy_file import Policy

STABLE = "dist.example.org/stable"
JQ = PlacedPackage(PackageName("dist.example.org", "jq"), "1.7.1", 1, Digest.of(b"jq"), "jq-1.7.1-x", STABLE)
SSL = replace(JQ, name=PackageName("dist.example.org", "openssl"), descriptor=Digest.of(b"ssl"), store="openssl-3-x")
RECORD = SetRecord(("jq",), (JQ, SSL), (ReleaseRef("dist.example.org", "stable", 1, Digest.of(b"head")),))


def rules(policy: Policy, known: Known) -> list[tuple[str, tuple[str, ...]]]:
    return [(each.rule, each.packages) for each in judge(policy, known)]


def test_a_policy_that_limits_nothing_has_nothing_against_anything() -> None:
    mine = replace(SSL, channel="", stands_for=SSL.descriptor, why="a patch")
    known = Known(SetRecord((), (JQ, mine)), {JQ.descriptor: ("CAP_SYS_ADMIN",)}, unknown=("openssl",))
    assert judge(Policy(), known) == ()


def test_packages_come_from_the_channels_that_it_names() -> None:
    policy = Policy(channels=(STABLE,))
    assert rules(policy, Known(RECORD)) == []
    elsewhere = Known(SetRecord((), (replace(JQ, channel="other.example/edge"), replace(SSL, channel=""))))
    ((rule, packages),) = rules(policy, elsewhere)
    assert (rule, packages) == ("channels", ("dist.example.org/jq", "dist.example.org/openssl"))
    assert "came from a local build and other.example/edge" in judge(policy, elsewhere)[0].message


def test_overrides_may_be_forbidden() -> None:
    mine = replace(SSL, stands_for=Digest.of(b"theirs"), why="a patch")
    known = Known(SetRecord((), (JQ, mine)))
    assert rules(Policy(overrides="forbidden"), known) == [("overrides", ("dist.example.org/openssl",))]
    assert rules(Policy(overrides="allowed"), known) == []


def test_every_package_is_attested_often_enough() -> None:
    known = Known(RECORD, attestations={JQ.descriptor: 2, SSL.descriptor: 1})
    assert rules(Policy(minimum_attestations=1), known) == []
    assert rules(Policy(minimum_attestations=2), known) == [("minimum-attestations", ("dist.example.org/openssl",))]
    # Of which nothing is known, nobody has attested.
    assert len(rules(Policy(minimum_attestations=1), Known(RECORD))[0][1]) == 2


def test_no_capability_is_granted_beyond_those_that_it_names() -> None:
    known = Known(RECORD, {JQ.descriptor: ("CAP_NET_RAW", "CAP_SYS_ADMIN"), SSL.descriptor: ()})
    assert rules(Policy(capabilities=("CAP_NET_RAW", "CAP_SYS_ADMIN")), known) == []
    (found,) = judge(Policy(capabilities=("CAP_NET_RAW",)), known)
    assert found.message == "CAP_NET_RAW may be granted, and dist.example.org/jq needs CAP_SYS_ADMIN"
    assert rules(Policy(capabilities=()), known) == [("capabilities", ("dist.example.org/jq",))]


def test_where_nobody_says_what_is_wrong_nothing_passes() -> None:
    known = Known(RECORD, unknown=("other.example/x",))
    assert rules(Policy(maximum_severity="high"), known) == [("maximum-severity", ("other.example/x",))]
