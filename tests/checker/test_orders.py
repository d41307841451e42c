"""What a release may do only by a curator's order: the checker reads the signer's ledger, not the pipeline's claims."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from securesystemslib.signer import CryptoSigner

from farm.checker.builds.ownership import ReleasedRecipes
from farm.checker.orders.orders import UnusableOrderError
from farm.core.names.digest import Digest
from farm.errors import FarmError
from farm.signing.ledger import Ledger
from farm.signing.order_effects import NothingToEndError
from farm.signing.state import LedgerState
from farm.trust.attestation.approval import approval_statement
from farm.trust.attestation.curator_order import EVERY_CHANNEL, NO_RELEASE, Act, CuratorOrderError
from farm.trust.attestation.dsse import InvalidEnvelopeError, sign_statement
from farm.trust.attestation.submission_statement import shown_submission
from farm.trust.ceremony.ceremony import sign_policy
from farm.trust.layout import ADVISORIES
from farm.trust.metadata.repository import Repository
from farm.trust.metadata.revision import Revision
from tests.checker.channel import Channel, Clock, opened_channel
from tests.client.distribution import SmallDistribution
from tests.refusing import refuses

if TYPE_CHECKING:
    from pathlib import Path

    from tests.checker.built import Package

PROOF = b"gates: [proof]\n"


@pytest.fixture
def edge(tmp_path: Path) -> Channel:
    return opened_channel(tmp_path, PROOF)


def package(channel: Channel, version: str = "1.0", name: str = "jq", more: str = "") -> Package:
    return channel.builder.build(channel.builder.recipe(name, more, version=version))


def test_a_frozen_channel_releases_nothing(edge: Channel) -> None:
    edge.order(Act.FREEZE, reason="the fair")
    with refuses("frozen", match="ann has frozen edge: the fair"):
        edge.sign(package(edge))
    edge.order(Act.THAW)
    edge.sign(package(edge))
    edge.order(Act.FREEZE, until=edge.now - timedelta(seconds=1))  # it has expired
    edge.sign(package(edge, "2.0"))
    assert edge.released == 2


def test_what_is_held_does_not_move(edge: Channel) -> None:
    first = package(edge)
    edge.sign(first, package(edge, name="zlib"))
    edge.order(Act.HOLD, packages={"jq": None, "new": None})
    with refuses("held", match="holds jq on edge, and the release changes it"):
        edge.sign(package(edge, "2.0"))
    with refuses("held", match="the release drops it"):
        edge.sign(remove=["jq"])
    with refuses("held", match="holds new on edge, and the release adds it"):
        edge.sign(package(edge, name="new"))
    edge.sign(package(edge, "2.0", name="zlib"))
    edge.order(Act.LIFT, packages={"jq": None})
    edge.sign(package(edge, "2.0"))
    with refuses("held"):
        edge.sign(package(edge, name="new"))
    assert edge.released == 3


def test_a_lift_or_thaw_that_was_kept_back_ends_nothing_that_came_after_it(edge: Channel) -> None:
    lift, thaw = edge.given(Act.LIFT, packages={"jq": None}), edge.given(Act.THAW)
    edge.order(Act.HOLD, packages={"jq": None})
    edge.order(Act.FREEZE)
    for kept_back in (lift, thaw):
        with refuses("outdated-order"):
            edge.bring(kept_back)
    with refuses("frozen"):
        edge.sign(package(edge))
    edge.order(Act.THAW)
    with refuses("held"):
        edge.sign(package(edge))


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_a_package_becomes_older_only_by_an_order(edge: Channel, version: str) -> None:
    old = package(edge, version)
    edge.sign(package(edge, "2.0", more="revision: 2\n"))
    with refuses("unordered", match=r"and it is older than jq 2\.0-2") as refused:
        edge.sign(old)
    assert "farm candidate retry edge jq" in refused.value.remedy
    edge.order(Act.RETRY, packages={"jq": Digest.of(b"another")})
    with refuses("unordered"):
        edge.sign(old)
    edge.order(Act.RETRY, packages={"jq": old.descriptor.digest})
    edge.sign(old)
    assert edge.released == 2


def test_taking_a_package_out_first_makes_it_no_newer(edge: Channel) -> None:
    old = package(edge)
    edge.sign(package(edge, name="zlib"))
    before = edge.newest().digest
    edge.sign(package(edge, "2.0"))
    edge.sign(remove=["jq"], orders=[edge.order(Act.ROLLBACK, target=before)])
    with refuses("unordered", match=r"it is older than jq 2\.0-1"):
        edge.sign(old)


def test_what_a_rollback_took_out_comes_back_only_by_an_order(edge: Channel) -> None:
    one, two = package(edge), package(edge, "2.0")
    edge.sign(one)
    target = edge.newest().digest
    edge.sign(two)
    order = edge.order(Act.ROLLBACK, target=target)
    edge.sign(one, orders=[order])
    with refuses("unordered", match="a rollback removed it"):
        edge.sign(two)
    edge.sign(package(edge, "2.1"))
    edge.order(Act.RETRY, packages={"jq": one.descriptor.digest})
    edge.sign(one)
    with refuses("unordered", match="a rollback removed it"):
        edge.sign(two)
    edge.order(Act.RETRY, packages={"jq": two.descriptor.digest})
    edge.sign(two)
    assert edge.released == 6


def test_a_rollback_is_found_in_the_ledger_though_nobody_names_it(edge: Channel) -> None:
    one = package(edge)
    edge.sign(one)
    target = edge.newest().digest
    edge.sign(package(edge, "2.0"))
    edge.order(Act.ROLLBACK, target=target)
    edge.sign(one)
    assert edge.released == 3


def test_an_order_is_not_used_up_by_a_release_in_which_nothing_moves_by_it(edge: Channel) -> None:
    one = package(edge)
    edge.sign(one)
    target = edge.newest().digest
    edge.sign(package(edge, "2.0"))
    order = edge.order(Act.ROLLBACK, target=target)
    edge.sign(orders=[order])
    edge.sign(package(edge, name="zlib"), orders=[order])
    assert edge.ledger.state().permits[order].used_by is None
    edge.sign(one, remove=["zlib"], orders=[order])
    assert edge.ledger.state().permits[order].used_by == edge.newest().digest


def test_a_rollback_lets_nothing_move_that_is_held(edge: Channel) -> None:
    one = package(edge)
    edge.sign(one)
    target = edge.newest().digest
    edge.sign(package(edge, "2.0"))
    edge.order(Act.HOLD, packages={"jq": None})
    with refuses("held"):
        edge.sign(one, orders=[edge.order(Act.ROLLBACK, target=target)])


def test_what_goes_by_itself_today_needs_no_order(edge: Channel) -> None:
    def built(revision: int, *outputs: str) -> list[Package]:
        more = f"revision: {revision}\noutputs: {{dev: [include/**]}}\n"
        recipe = edge.builder.recipe("jq", more=more if outputs else f"revision: {revision}\n")
        made = {output: {f"share/{output or 'jq'}/x": f"{revision}".encode()} for output in ("", *outputs)}
        edge.builder.put_out(recipe, edge.builder.pin(recipe), made)
        return [edge.builder.built[name] for name in ("jq", *(f"jq-{output}" for output in outputs))]

    edge.sign(*built(1, "dev"))
    edge.sign(*built(2), remove=["jq-dev"])  # its recipe no longer makes this output
    edge.sign(*built(3, "dev"))  # and makes it again
    assert edge.released == 3


def test_an_order_is_used_once(edge: Channel) -> None:
    one, two = package(edge), package(edge, "2.0")
    edge.sign(two)
    order = edge.given(Act.RETRY, packages={"jq": one.descriptor.digest})
    edge.sign(one, orders=[edge.bring(order)])
    edge.sign(two)
    assert edge.bring(order) == order.digest  # it is known: bringing it again adds nothing
    with refuses("unordered"):
        edge.sign(one)
    with pytest.raises(UnusableOrderError, match="has used already"):
        edge.sign(one, orders=[order.digest])


@pytest.mark.parametrize("withdrawn_first", [False, True])
def test_an_order_that_was_withdrawn_permits_nothing(edge: Channel, *, withdrawn_first: bool) -> None:
    """Whichever of the two reaches the signer first, and whichever curator withdraws it."""
    old = package(edge, "1.0")
    edge.sign(package(edge, "2.0"))
    given = edge.given(Act.RETRY, packages={"jq": old.descriptor.digest})
    withdrawal = edge.given(Act.WITHDRAW_ORDER, target=given.digest, reason="oops")
    if withdrawn_first:
        edge.bring(withdrawal)
        with refuses("outdated-order", match="ann has withdrawn it: oops"):
            edge.bring(given)
    else:
        edge.bring(given)
        edge.bring(withdrawal)
    assert Ledger(edge.ledger.path.parent).state() == edge.ledger.state()
    with refuses("unordered"):
        edge.sign(old)
    why = "is not in the ledger" if withdrawn_first else "which ann has withdrawn: oops"
    with pytest.raises(UnusableOrderError, match=why):
        edge.sign(old, orders=[given.digest])
    edge.order(Act.RETRY, packages={"jq": old.descriptor.digest}, at=edge.now)  # another order than the first
    edge.sign(old)


def test_what_was_signed_of_a_recipe_is_withdrawn_until_a_release_has_it(tmp_path: Path) -> None:
    """By any curator; and a new signature of the owner counts again."""
    alice = CryptoSigner.generate_ed25519()
    public = str(alice.public_key.keyval["public"]).encode()
    owners = {"curators.yaml": b"curators:\n  alice: '%s'\n" % public, "OWNERS": b"* alice\n"}
    edge = opened_channel(tmp_path, PROOF, policies=owners)
    builder = edge.builder
    jq, zlib = builder.recipe("jq"), builder.recipe("zlib")
    builder.sign("alice", alice, jq)
    builder.sign("alice", alice, zlib)
    statements = [shown_submission(builder.blobs.read(submission)).statement for submission in builder.submissions]
    edge.sign(builder.build(zlib), submissions=builder.submissions)
    released = ReleasedRecipes(lambda: [edge.newest()], builder.blobs)
    asked = (("zlib", zlib), ("zlib", jq), ("jq", jq))
    assert [released.has(name, recipe.digest) for name, recipe in asked] == [True, False, False]
    withdrawn = {"alice": statements[0], f"alice {statements[1]}": statements[1]}
    everywhere = {"channel": EVERY_CHANNEL, "base": NO_RELEASE}
    with pytest.raises(CuratorOrderError):
        edge.order(Act.WITHDRAW_SUBMISSION, packages=withdrawn)
    edge.order(Act.WITHDRAW_SUBMISSION, packages=withdrawn, **everywhere)
    assert Ledger(edge.ledger.path.parent).state() == edge.ledger.state()
    assert LedgerState.from_dict(edge.ledger.state().to_dict()) == edge.ledger.state()
    package = builder.build(jq)
    with pytest.raises(FarmError, match=r"alice has signed the recipe jq .*, and ann has withdrawn that"):
        edge.sign(package, submissions=builder.submissions)
    builder.sign("alice", alice, jq)
    edge.sign(package, submissions=builder.submissions)


def test_an_order_is_withdrawn_on_its_channel_and_before_it_is_used(tmp_path: Path) -> None:
    edge = opened_channel(tmp_path, PROOF, name="stable")
    edge.name = "edge"
    old = package(edge, "1.0")
    edge.sign(package(edge, "2.0"))
    given = edge.given(Act.RETRY, packages={"jq": old.descriptor.digest})
    elsewhere = {"channel": "stable", "base": NO_RELEASE}
    edge.order(Act.WITHDRAW_ORDER, target=given.digest, **elsewhere)  # not about edge, but the signer may receive it
    edge.bring(given)
    with pytest.raises(NothingToEndError, match="is for edge"):
        edge.order(Act.WITHDRAW_ORDER, target=given.digest, **elsewhere)
    edge.sign(old)
    with pytest.raises(NothingToEndError, match=rf"{edge.newest().digest} of edge has used"):
        edge.order(Act.WITHDRAW_ORDER, target=given.digest)


def test_a_report_is_closed_by_its_number_and_descriptor(edge: Channel) -> None:
    jq, zlib = package(edge), package(edge, name="zlib")
    edge.sign(jq, zlib)
    edge.report(jq, 7)
    edge.report(zlib, 7)
    for number, target in ((7, Digest.of(b"")), (8, jq.descriptor.digest)):
        with pytest.raises(NothingToEndError, match=rf"no report {number} about {target} is open on edge"):
            edge.order(Act.CLOSE_REPORT, number=number, target=target)
    close = edge.given(Act.CLOSE_REPORT, number=7, target=jq.descriptor.digest)
    edge.bring(close)
    assert edge.bring(close) == close.digest  # a client that lost the answer asks again
    assert [report.package for report in edge.ledger.state().reports.values()] == [zlib.descriptor.digest]
    with pytest.raises(NothingToEndError, match=rf"under that number one is open about {zlib.descriptor.digest}"):
        edge.order(Act.CLOSE_REPORT, number=7, target=jq.descriptor.digest)


def test_an_order_is_good_until_it_expires(edge: Channel) -> None:
    one = package(edge)
    edge.sign(package(edge, "2.0"))
    past = {"at": edge.now - timedelta(days=2), "expires": edge.now - timedelta(days=1)}
    with pytest.raises(UnusableOrderError, match="retry jq on edge by ann expired at"):
        edge.order(Act.RETRY, packages={"jq": one.descriptor.digest}, **past)
    soon = edge.order(Act.RETRY, packages={"jq": one.descriptor.digest}, expires=edge.now + timedelta(seconds=0.2))
    while edge.ledger.state().usable("edge", Digest.of(b""), edge.now):
        pass
    with pytest.raises(UnusableOrderError, match="expired at"):
        edge.sign(one, orders=[soon])
    with refuses("unordered"):
        edge.sign(one)


def test_an_order_names_a_release_of_the_channel_that_there_was(edge: Channel) -> None:
    one = package(edge)
    edge.order(Act.HOLD, packages={"x": None}, base=NO_RELEASE)
    edge.sign(one)
    for base in (Digest.of(b"a release of another channel"), one.descriptor.digest):
        with pytest.raises(UnusableOrderError, match="neither the newest of edge nor one before it"):
            edge.order(Act.LIFT, packages={"x": None}, base=base)
    base = edge.newest().digest
    edge.sign(package(edge, "2.0"))
    edge.order(Act.LIFT, packages={"x": None}, base=base)


class TestAnotherDistribution:
    """The same person, with the same key, orders for two distributions; an order for one is brought to the other."""

    OTHER = "quite.another.example"

    def test_nothing_that_was_ordered_there_counts_on_a_channel_without_a_release(self, tmp_path: Path) -> None:
        stable = opened_channel(tmp_path, PROOF, name="stable", policies={"channels/stable.yaml": PROOF})
        jq = package(stable)
        stable.named("edge").sign(jq)
        stable.order(Act.FREEZE)
        about = {"channel": ADVISORIES, "packages": {"word": Digest.of(b"word")}}
        for act, said in ((Act.THAW, {}), (Act.HOLD, {"packages": {"jq": None}}), (Act.ADVISE, about)):
            with pytest.raises(CuratorOrderError, match=f"it is for {self.OTHER}, but this farm is dist.example.org"):
                stable.order(act, distribution=self.OTHER, **said)
        with refuses("frozen"):
            stable.sign(jq)
        stable.order(Act.THAW)
        stable.sign(jq)
        assert stable.released == 1

    def test_nor_does_it_end_anything_before_the_first_release_of_all(self, edge: Channel) -> None:
        """Nor do a later freeze and hold in the other distribution, and their ends."""
        edge.order(Act.FREEZE)
        edge.order(Act.HOLD, packages={"jq": None})
        soon, jq = {"until": edge.now + timedelta(seconds=1)}, {"packages": {"jq": None}}
        for act, said in ((Act.FREEZE, soon), (Act.HOLD, jq | soon), (Act.THAW, {}), (Act.LIFT, jq)):
            edge.order(act, distribution=self.OTHER, **said)
        with refuses("frozen"):
            edge.sign(package(edge))
        edge.order(Act.THAW)
        with refuses("held"):
            edge.sign(package(edge))
        edge.order(Act.LIFT, packages={"jq": None})
        edge.sign(package(edge))

    def test_nor_does_it_hold_or_freeze_anything(self, edge: Channel) -> None:
        edge.order(Act.FREEZE, distribution=self.OTHER)
        edge.order(Act.HOLD, distribution=self.OTHER, packages={"jq": None})
        edge.sign(package(edge))

    def test_nor_does_it_permit_anything_later(self, edge: Channel) -> None:
        old = package(edge)
        order = edge.order(Act.RETRY, distribution=self.OTHER, packages={"jq": old.descriptor.digest})
        edge.sign(package(edge, "2.0"))
        with refuses("unordered"):
            edge.sign(old)
        with pytest.raises(UnusableOrderError, match=f"which is for edge of {self.OTHER}"):
            edge.sign(old, orders=[order])


def test_whoever_is_not_signed_orders_nothing(edge: Channel) -> None:
    mallory = CryptoSigner.generate_ed25519()
    for said in ({}, {"curator": "mallory"}):
        with pytest.raises(InvalidEnvelopeError):
            edge.order(Act.FREEZE, key=mallory, **said)


def test_an_order_of_who_is_not_signed_any_more_permits_nothing(edge: Channel) -> None:
    ben = CryptoSigner.generate_ed25519()
    curators = b"curators:\n  ben: '%s'\n" % str(ben.public_key.keyval["public"]).encode()
    edge.builder.owners = {"curators.yaml": curators}
    sign_policy(Repository(edge.public), edge.keys, edge.builder.policy(), edge.now)
    one = package(edge)
    edge.sign(package(edge, "2.0"))
    edge.order(Act.RETRY, key=ben, curator="ben", packages={"jq": one.descriptor.digest})
    edge.builder.owners = {}
    sign_policy(Repository(edge.public), edge.keys, edge.builder.policy(), edge.now)
    with refuses("unordered"):
        edge.sign(one)


@dataclass(frozen=True)
class Approving:
    """Ben, a curator whose approval edge requires."""

    edge: Channel
    key: CryptoSigner
    jq: Package

    def approval(self, **said: Any) -> bytes:
        return sign_statement(approval_statement(self.jq.descriptor, channel="edge", curator="ben", **said), self.key)

    def withdraws(self) -> Digest:
        packages = {"jq": self.jq.descriptor.digest}
        return self.edge.order(Act.WITHDRAW_APPROVAL, key=self.key, curator="ben", packages=packages)

    def refused(self, *given: bytes, later: timedelta = timedelta()) -> None:
        asked = replace(self.edge, decision=self.edge.deciding(clock=Clock(later)))
        with refuses("gate-refused", match="0 of 1"):
            asked.sign(self.jq, approvals=given)


@pytest.fixture
def ben(edge: Channel) -> Approving:
    key = CryptoSigner.generate_ed25519()
    curators = b"curators:\n  ben: '%s'\n" % str(key.public_key.keyval["public"]).encode()
    edge.builder.owners = {"curators.yaml": curators}
    edge.builder.policies = {"channels/edge.yaml": b"gates: [proof, approvals: {count: 1}]\n"}
    sign_policy(Repository(edge.public), edge.keys, edge.builder.policy(), edge.now)
    return Approving(edge, key, package(edge))


def test_an_approval_that_its_curator_has_withdrawn_counts_no_more(ben: Approving) -> None:
    now = ben.edge.now
    dates = [None, now, now + timedelta(minutes=4), now + timedelta(days=1)]
    given = [ben.approval(at=at) for at in dates]
    first = ben.withdraws()
    ben.refused(*given)
    ben.refused(*given, later=timedelta(days=3))  # no order of a fast clock outlives its withdrawal
    again = ben.approval(at=ben.edge.now, after=first)
    second = ben.withdraws()
    ben.refused(*given, again)
    ben.edge.sign(ben.jq, approvals=[*given, ben.approval(at=ben.edge.now, after=second)])


def test_an_approval_is_of_no_time_to_come(ben: Approving) -> None:
    ahead = ben.approval(at=ben.edge.now + timedelta(hours=1))
    ben.refused(ahead)
    ben.edge.sign(ben.jq, approvals=[ahead, ben.approval(at=ben.edge.now + timedelta(minutes=4))])


def test_what_is_reported_does_not_go_on_where_a_soak_is_asked_for(tmp_path: Path) -> None:
    policies = {"channels/stable.yaml": b"from: edge\ngates: [proof, soak: 1h]\n"}
    stable = opened_channel(tmp_path, PROOF, name="stable", policies=policies)
    edge = stable.named("edge")
    jq = package(edge)
    edge.sign(jq)
    edge.decision.prepare()  # it has seen that the package is released
    edge.report(jq, 7)
    offered = edge.newest().digest
    stable.decision = stable.deciding(clock=Clock(timedelta(hours=2)))
    with refuses("reported", match=r"jq 1\.0-1 may not enter stable: trouble with it was reported on edge"):
        stable.sign(jq)
    close = {"channel": "edge", "base": offered, "number": 7}
    with pytest.raises(NothingToEndError):
        stable.order(Act.CLOSE_REPORT, target=Digest.of(b"another package"), **close)
    with refuses("reported"):
        stable.sign(jq)
    with pytest.raises(InvalidEnvelopeError):
        stable.order(Act.CLOSE_REPORT, key=CryptoSigner.generate_ed25519(), target=jq.descriptor.digest, **close)
    stable.order(Act.CLOSE_REPORT, target=jq.descriptor.digest, **close)
    stable.sign(jq)


def test_a_promotion_that_is_ordered_need_not_soak(tmp_path: Path) -> None:
    channel = opened_channel(tmp_path, PROOF, name="stable")
    channel.builder.policies |= {"channels/stable.yaml": b"from: edge\ngates: [proof, soak: 1h]\n"}
    sign_policy(Repository(channel.public), channel.keys, channel.builder.policy(), channel.now)
    channel.name = "edge"
    jq = package(channel)
    channel.sign(jq)
    offered = channel.newest().digest
    channel.name = "stable"
    order = channel.given(Act.PROMOTE, origin="edge", target=offered)
    other = channel.bring(replace(order, packages={"zlib": None}))
    with refuses("gate-refused", match="soaks for 1h"):
        channel.sign(jq, orders=[other])
    channel.sign(jq, orders=[channel.bring(order)])
    assert channel.released == 1


@pytest.mark.parametrize("names", [{}, {"jq": None}], ids=["all that there is", "the package"])
@pytest.mark.parametrize("is_known", [True, False], ids=["reported before", "reported since"])
def test_nor_does_it_go_past_an_open_report(tmp_path: Path, names: dict[str, None], is_known: bool) -> None:
    """The curator who orders it may not know of the report, so a separate order must close the report first."""
    policies = {"channels/stable.yaml": b"from: edge\ngates: [proof, soak: 1h]\n"}
    stable = opened_channel(tmp_path, PROOF, name="stable", policies=policies)
    edge = stable.named("edge")
    jq = package(edge)
    edge.sign(jq)
    offered = edge.newest().digest
    if is_known:
        edge.report(jq, 7)
    order = stable.order(Act.PROMOTE, origin="edge", target=offered, packages=names)
    edge.report(jq, 7)
    with refuses("reported", match="was reported on edge") as refused:
        stable.sign(jq, orders=[order])
    assert "`farm channel report --resolve 7`" in refused.value.remedy
    stable.order(Act.CLOSE_REPORT, channel="edge", base=offered, number=7, target=jq.descriptor.digest)
    stable.sign(jq, orders=[order])
    assert stable.released == 1


def test_where_no_policy_is_signed_nothing_is_asked_for(tmp_path: Path) -> None:
    made = SmallDistribution(tmp_path)
    made.package("jq", {"bin/jq": "new"}, version="2.0")
    made.publish()
    made.package("jq", {"bin/jq": "old"}, version="1.0")
    assert made.publish().number == 2


class TestOlderWords:
    """The time of signing counts: an order that arrives after a newer one of its kind is refused.

    The refused order changes nothing, whether it was withheld or dated by a slow clock, and no one gets a success.
    """

    def test_an_older_hold_or_lift_takes_no_newer_holds_place(self, edge: Channel) -> None:
        first = edge.given(Act.HOLD, packages={"jq": None}, until=edge.now + timedelta(hours=1))
        lift = edge.given(Act.LIFT, packages={"jq": None})
        newer = edge.given(Act.HOLD, packages={"jq": None}, curator="ann")
        edge.bring(newer)
        for order in (first, lift):
            with refuses("outdated-order", match=f"hold jq on edge by ann of {newer.at:%Y-%m-%d %H:%M:%S}"):
                edge.bring(order)
        assert edge.ledger.state().held("edge", "dist.example.org", edge.now + timedelta(days=9)).keys() == {"jq"}

    def test_nor_an_older_freeze_or_thaw_a_newer_freezes(self, edge: Channel) -> None:
        older = edge.given(Act.FREEZE, until=edge.now + timedelta(hours=1)), edge.given(Act.THAW)
        edge.order(Act.FREEZE)
        for order in older:
            with refuses("outdated-order"):
                edge.bring(order)
        assert edge.ledger.state().frozen("edge", "dist.example.org", edge.now + timedelta(days=9)) is not None

    def test_what_was_lifted_or_thawed_since_is_not_held_or_frozen(self, edge: Channel) -> None:
        hold, freeze = edge.given(Act.HOLD, packages={"jq": None}), edge.given(Act.FREEZE)
        lift, thaw = edge.order(Act.LIFT, packages={"jq": None}), edge.order(Act.THAW)
        for order in (hold, freeze):
            with refuses("outdated-order"):
                edge.bring(order)
        edge.sign(package(edge))
        assert {lift, thaw} <= edge.ledger.state().entered.keys()

    def test_an_order_for_several_packages_is_taken_whole_or_not_at_all(self, edge: Channel) -> None:
        both = edge.given(Act.LIFT, packages={"jq": None, "zlib": None})
        edge.order(Act.HOLD, packages={"jq": None, "zlib": None}, at=both.at - timedelta(seconds=1))
        edge.order(Act.HOLD, packages={"zlib": None})
        with refuses("outdated-order", match="hold zlib on edge"):
            edge.bring(both)
        assert edge.ledger.state().held("edge", "dist.example.org", edge.now).keys() == {"jq", "zlib"}

    def test_the_error_says_from_when_it_would_count(self, edge: Channel) -> None:
        """Bob's clock is right; the clock of Ann, who froze the channel a moment ago, is four minutes fast."""
        ahead = edge.now + timedelta(minutes=4)
        edge.order(Act.FREEZE, at=ahead, until=ahead + timedelta(hours=1))
        with refuses("outdated-order") as refused:
            edge.order(Act.THAW)
        assert refused.value.code == "outdated-order"
        assert f"after {ahead:%Y-%m-%d %H:%M:%S} UTC" in refused.value.remedy
        assert "5 minutes" in refused.value.remedy
        edge.order(Act.THAW, at=ahead + timedelta(seconds=1))
        edge.sign(package(edge))

    def test_the_same_order_brought_again_is_no_other(self, edge: Channel) -> None:
        thaw = edge.given(Act.THAW)
        edge.bring(thaw)
        edge.order(Act.FREEZE)
        assert edge.bring(thaw) == thaw.digest
        assert edge.ledger.state().frozen("edge", "dist.example.org", edge.now) is not None

    def test_an_older_withdrawal_lets_nothing_count_that_was_approved_since(self, edge: Channel) -> None:
        jq = package(edge).descriptor.digest
        first = edge.given(Act.WITHDRAW_APPROVAL, packages={"jq": jq})
        second = edge.given(Act.WITHDRAW_APPROVAL, packages={"jq": jq})
        edge.bring(second)
        with refuses("outdated-order"):
            edge.bring(first)
        assert edge.ledger.state().withdrawn["edge", jq, "ann"].order == second.digest

    def test_what_was_withdrawn_is_neither_given_nor_withdrawn_again(self, edge: Channel) -> None:
        retry = edge.given(Act.RETRY, packages={"jq": Digest.of(b"a build")})
        edge.order(Act.WITHDRAW_ORDER, target=retry.digest, reason="oops")
        with pytest.raises(NothingToEndError, match=r"ann has withdrawn the order .* already: oops"):
            edge.order(Act.WITHDRAW_ORDER, target=retry.digest)
        with refuses("outdated-order", match="ann has withdrawn it: oops"):
            edge.bring(retry)

    def test_a_hold_or_freeze_is_not_ended_by_withdrawing_it(self, edge: Channel) -> None:
        hold = edge.order(Act.HOLD, packages={"jq": None})
        with pytest.raises(NothingToEndError, match="gives no permission"):
            edge.order(Act.WITHDRAW_ORDER, target=hold)


def test_an_order_is_of_no_time_to_come(edge: Channel) -> None:
    with pytest.raises(UnusableOrderError, match="in the future"):
        edge.order(
            Act.HOLD, packages={"jq": None}, at=edge.now + timedelta(hours=1), expires=edge.now + timedelta(days=2)
        )


@pytest.mark.parametrize("act", [Act.ROLLBACK, Act.PROMOTE])
def test_nobody_goes_to_a_release_that_never_was(edge: Channel, act: Act) -> None:
    """A curator knows of the report from the farm alone, which could have made one up."""
    old = package(edge)
    edge.sign(package(edge, "2.0"))
    made_up, _ = edge.prepare(old)
    origin = "edge" if act is Act.PROMOTE else ""
    for target in (made_up.digest, NO_RELEASE, Digest.of(b"nothing")):
        with pytest.raises(UnusableOrderError, match="which edge never had"):
            edge.order(act, target=target, origin=origin)


def _fails(_revision: Revision) -> None:
    raise OSError("no room")


def test_an_order_whose_release_never_came_is_good_for_another(edge: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    """For example, the key service failed just before anybody could see the release."""
    one = package(edge)
    edge.sign(package(edge, "2.0"))
    order = edge.order(Act.RETRY, packages={"jq": one.descriptor.digest})

    with monkeypatch.context() as broken:
        broken.setattr(Revision, "finish", _fails)
        with pytest.raises(OSError, match="no room"):
            edge.sign(one, orders=[order])
    assert edge.ledger.state().permits[order].used_by is None
    edge.sign(one, orders=[order])  # with another time, so it is another release
    assert edge.released == 2
    assert edge.ledger.state().permits[order].used_by == edge.newest().digest


def test_what_a_rollback_took_out_needs_an_order_although_a_release_with_it_never_came(
    edge: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    edge.sign(package(edge, name="zlib"))
    before, jq = edge.newest(), package(edge)
    edge.sign(jq)
    edge.sign(remove=["jq"], orders=[edge.order(Act.ROLLBACK, target=before.digest)])
    order = edge.order(Act.RETRY, packages={"jq": jq.descriptor.digest}, expires=edge.now + timedelta(seconds=30))
    with monkeypatch.context() as broken:
        broken.setattr(Revision, "finish", _fails)
        with pytest.raises(OSError, match="no room"):
            edge.sign(jq, orders=[order])
    later = edge.deciding(clock=Clock(timedelta(hours=1)))
    with refuses("unordered", match="a rollback removed it"):
        replace(edge, decision=later).sign(jq)


def test_what_is_refused_when_it_is_published_uses_no_order(edge: Channel) -> None:
    one = package(edge)
    edge.sign(package(edge, "2.0"))
    order = edge.order(Act.RETRY, packages={"jq": one.descriptor.digest})
    before = edge.ledger.state()
    with pytest.raises(FarmError):
        edge.sign(one, orders=[order], at=edge.now + timedelta(days=3))  # dated in the future
    assert edge.ledger.state() == before


def test_what_is_published_already_is_not_judged_again(edge: Channel) -> None:
    """The client that asks again has lost the answer; since then somebody may have frozen the channel."""
    asked = edge.prepare(package(edge))
    edge.ask(*asked)
    edge.order(Act.FREEZE)
    edge.ask(*asked)
    assert edge.released == 1
