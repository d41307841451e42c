"""What a policy finds wrong with a set: plain values in, violations out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from farm.client.findings.policy import PolicyFacts, judge
from farm.core.advisories.matching import Advisory, AdvisoryFinding, Statement
from farm.core.names.digest import Digest
from farm.core.names.package_name import PackageName
from farm.core.names.version import Version
from farm.core.sets.members.set_record import PlacedPackage, ReleaseRef, SetRecord
from farm.core.subscriber.policy_file import Policy

if TYPE_CHECKING:
    from farm.core.advisories.matching import Status
    from farm.core.advisories.severity import Severity

NOW = datetime(2026, 3, 1, tzinfo=UTC)

STABLE = "dist.example.org/stable"
JQ = PlacedPackage(PackageName("dist.example.org", "jq"), "1.7.1", 1, Digest.of(b"jq"), "jq-1.7.1-x", STABLE)
SSL = replace(JQ, name=PackageName("dist.example.org", "openssl"), descriptor=Digest.of(b"ssl"), store="openssl-3-x")
RECORD = SetRecord(("jq",), (JQ, SSL), (ReleaseRef("dist.example.org", "stable", 1, Digest.of(b"head")),))


def rules(policy: Policy, known: PolicyFacts) -> list[tuple[str, tuple[str, ...]]]:
    return [(violation.rule, violation.packages) for violation in judge(policy, known)]


def test_a_policy_that_limits_nothing_has_nothing_against_anything() -> None:
    mine = replace(SSL, channel="", stands_for=SSL.descriptor, why="a patch")
    known = PolicyFacts(SetRecord((), (JQ, mine)), {JQ.descriptor: ("CAP_SYS_ADMIN",)}, unknown=("openssl",))
    assert judge(Policy(), known) == ()


def test_packages_come_from_the_channels_that_it_names() -> None:
    policy = Policy(channels=(STABLE,))
    assert rules(policy, PolicyFacts(RECORD)) == []
    elsewhere = PolicyFacts(SetRecord((), (replace(JQ, channel="other.example/edge"), replace(SSL, channel=""))))
    ((rule, packages),) = rules(policy, elsewhere)
    assert (rule, packages) == ("channels", ("dist.example.org/jq", "dist.example.org/openssl"))
    assert "came from a local build and other.example/edge" in judge(policy, elsewhere)[0].message


def finding(severity: Severity, status: Status | None = None, *, fixed: str = "") -> AdvisoryFinding:
    """An advisory that affects openssl; `status` is what a statement says of its effect."""
    advisory = Advisory("EX-1", (), "It may crash.", NOW, NOW, None, ())
    statement = Statement("EX-1", (), "openssl", None, status, "", NOW) if status else None
    return AdvisoryFinding(advisory, "openssl", Version("3.0"), 1, severity, fixed, statement)


def test_nothing_worse_than_it_says_is_accepted() -> None:
    policy = Policy(maximum_severity="medium")
    for severity, violations in (("none", 0), ("low", 0), ("medium", 0), ("high", 1), ("critical", 1)):
        assert len(judge(policy, PolicyFacts(RECORD, findings=(finding(severity),)))) == violations
    (found,) = judge(policy, PolicyFacts(RECORD, findings=(finding("low"), finding("high", fixed="3.0-2"))))
    assert (found.rule, found.packages) == ("maximum-severity", ("openssl",))
    assert found.message == "nothing worse than medium is accepted, and openssl 3.0-1 has EX-1 (high): It may crash."
    assert found.remedy == (
        "Wait for openssl 3.0-2, or leave the package out; to accept it, write in the policy maximum-severity: high."
    )
    (found,) = judge(replace(policy, by_command=True), PolicyFacts(RECORD, findings=(finding("high"),)))
    assert found.remedy.endswith("to accept it, --max-severity high.")


def test_what_somebody_has_stated_to_do_no_harm_is_accepted() -> None:
    policy = Policy(maximum_severity="low")
    for status, violations in (("not_affected", 0), ("fixed", 0), ("affected", 1), ("under_investigation", 1)):
        assert len(judge(policy, PolicyFacts(RECORD, findings=(finding("critical", status),)))) == violations
    assert judge(Policy(), PolicyFacts(RECORD, findings=(finding("critical"),))) == ()


def test_somebody_has_looked_at_every_package_lately_enough() -> None:
    known = PolicyFacts(RECORD, unknown=("other.example/x",), unreviewed=(("a/jq", None), ("a/openssl", NOW)))
    policy = Policy(reviewed_within=timedelta(days=7))
    (found,) = judge(policy, known)
    assert (found.rule, found.packages) == ("reviewed-within", ("a/jq", "a/openssl", "other.example/x"))
    assert "a/jq (never), a/openssl (on 2026-03-01), other.example/x (never)" in found.message
    assert judge(policy, PolicyFacts(RECORD)) == ()
    assert judge(Policy(), known) == ()


def test_layers_that_nobody_vouches_for_are_refused_whatever_it_says() -> None:
    (found,) = judge(Policy(), PolicyFacts(RECORD, layers=("sha256:ab is of another tool",)))
    assert (found.rule, found.packages) == ("layers", ())
    assert "sha256:ab is of another tool" in found.message


def test_overrides_may_be_forbidden() -> None:
    mine = replace(SSL, stands_for=Digest.of(b"theirs"), why="a patch")
    known = PolicyFacts(SetRecord((), (JQ, mine)))
    assert rules(Policy(overrides="forbidden"), known) == [("overrides", ("dist.example.org/openssl",))]
    assert rules(Policy(overrides="allowed"), known) == []


def test_every_package_is_attested_often_enough() -> None:
    known = PolicyFacts(RECORD, attestations={JQ.descriptor: 2, SSL.descriptor: 1})
    assert rules(Policy(minimum_attestations=1), known) == []
    assert rules(Policy(minimum_attestations=2), known) == [("minimum-attestations", ("dist.example.org/openssl",))]
    # A package of which nothing is known has no attestation.
    assert len(rules(Policy(minimum_attestations=1), PolicyFacts(RECORD))[0][1]) == 2


def test_no_capability_is_granted_beyond_those_that_it_names() -> None:
    known = PolicyFacts(RECORD, {JQ.descriptor: ("CAP_NET_RAW", "CAP_SYS_ADMIN"), SSL.descriptor: ()})
    assert rules(Policy(capabilities=("CAP_NET_RAW", "CAP_SYS_ADMIN")), known) == []
    (found,) = judge(Policy(capabilities=("CAP_NET_RAW",)), known)
    assert found.message == "CAP_NET_RAW may be granted, and dist.example.org/jq needs CAP_SYS_ADMIN"
    assert rules(Policy(capabilities=()), known) == [("capabilities", ("dist.example.org/jq",))]


def test_where_nobody_says_what_is_wrong_nothing_passes() -> None:
    known = PolicyFacts(RECORD, unknown=("other.example/x",))
    assert rules(Policy(maximum_severity="high"), known) == [("maximum-severity", ("other.example/x",))]
