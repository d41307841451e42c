"""Where recipes have owners, nothing becomes current or is built before an owner of each has signed it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from securesystemslib.signer import CryptoSigner

from farm.core.files.problems import RecipeError
from farm.core.plan.graph import MissingDependencyError
from farm.core.recipe.declared_sources import digest_of_files
from farm.server.channels.channel_checks import AlreadyError
from farm.server.identities import identities
from farm.server.identities.access import Actor
from farm.server.jobs import jobs
from farm.server.recipes import recipes
from farm.server.submissions import submissions
from farm.server.submissions.owners import (
    OwnershipTroubleError,
    owners_as_known,
    owners_in_force,
    signatures_of,
)
from farm.server.submissions.pending_submissions import accept, withdraw
from farm.server.tables.states import JobState, SubmissionState
from farm.trust.attestation.dsse import InvalidEnvelopeError
from farm.trust.attestation.submission_statement import SubmissionStatementError, read_submission
from tests.farms.people import (
    ALICE,
    BOB,
    MALLORY,
    curators,
    name_of,
    own,
    public,
    send,
    signed,
    view,
    whom,
)
from tests.farms.small import WORLD, SmallFarm, recipe
from tests.refusing import refuses

if TYPE_CHECKING:
    from farm.core.names.digest import Digest

A, B, C = recipe("a"), recipe("b"), recipe("c")
CURATOR = Actor("token:ann")


@pytest.fixture
def owned(farm: SmallFarm) -> SmallFarm:
    own(farm)
    return farm


def stranger() -> CryptoSigner:
    """An unknown key."""
    return CryptoSigner.generate_ed25519()


def digest(files: dict[str, bytes]) -> Digest:
    return digest_of_files(files, file="recipe.yaml")


def nothing_happened(farm: SmallFarm) -> bool:
    with farm.application.reading() as unit:
        return not recipes.heads(unit.session) and not jobs.list_jobs(unit.session, limit=1)


def evidence(farm: SmallFarm, files: dict[str, bytes]) -> list[str]:
    """The people who have signed a recipe, as the signer can see from what is stored."""
    keys = {"alice": public(ALICE), "bob": public(BOB), "mallory": public(MALLORY)}
    with farm.application.reading() as unit:
        kept = [unit.blobs.read(blob) for blob in signatures_of(unit, [digest(files)])]
    named, there = name_of(files), WORLD.distribution
    signed = (read_submission(envelope, keys).said for envelope in kept)
    # The others are of recipes signed together with it.
    return [said.submitter for said in signed if said.signs(named, digest(files), distribution=there)]


def test_without_owners_what_is_not_signed_is_taken_as_ever(farm: SmallFarm) -> None:
    assert send(farm, A).accepted[0].job.state is JobState.READY
    own(farm, owners=None)
    taken = send(farm, B, envelope=signed("bob", B))
    assert (taken.signed_by, taken.waits_for) == ("bob", ())
    assert evidence(farm, B) == ["bob"]


def test_what_an_owner_has_signed_is_taken_and_its_signature_kept(owned: SmallFarm) -> None:
    taken = send(owned, A, envelope=signed("alice", A))
    assert (taken.signed_by, taken.waits_for) == ("alice", ())
    assert taken.accepted[0].job.state is JobState.READY
    assert evidence(owned, A) == ["alice"]
    assert owned.build_all() == ["a"]


def test_what_nobody_has_signed_waits_whole_and_changes_nothing(owned: SmallFarm) -> None:
    kept = send(owned, A, B)
    assert whom(kept) == {"a": ("alice",), "b": ("bob",)}
    assert kept.accepted == ()
    assert nothing_happened(owned)
    found = view(owned, kept.id)
    assert found.record.state is SubmissionState.WAITING
    assert [(sent.name, sent.digest) for sent in found.recipes] == [("a", digest(A)), ("b", digest(B))]
    assert owned.application.recipes.files(found.recipes[0].files) == A
    assert evidence(owned, A) == []


def test_somebody_elses_signature_is_no_owners(owned: SmallFarm) -> None:
    kept = send(owned, A, envelope=signed("bob", A), by="bob")
    assert (kept.signed_by, whom(kept)) == ("bob", {"a": ("alice",)})
    unknown = send(owned, A, envelope=signed("eve", A, key=stranger()))
    assert (unknown.signed_by, whom(unknown)) == ("", {"a": ("alice",)})
    assert nothing_happened(owned)


def test_each_recipe_needs_one_of_its_own_owners(owned: SmallFarm) -> None:
    kept = send(owned, A, B, C, envelope=signed("alice", A, B, C))
    assert whom(kept) == {"b": ("bob",)}
    assert nothing_happened(owned)
    taken = accept(owned.application, CURATOR, kept.id, signed("bob", B))
    assert taken.waits_for == ()
    assert sorted(accepted.revision.name for accepted in taken.accepted) == ["a", "b", "c"]
    assert {accepted.job.submission for accepted in taken.accepted} == {kept.id}
    # All signatures are stored for the signer, of owners and of others.
    assert [set(evidence(owned, files)) for files in (A, B, C)] == [{"alice"}, {"alice", "bob"}, {"alice"}]
    assert view(owned, kept.id).record.state is SubmissionState.TAKEN


def test_several_owners_accept_one_after_the_other(owned: SmallFarm) -> None:
    kept = send(owned, A, B)
    half = accept(owned.application, CURATOR, kept.id, signed("bob", A, B))
    assert whom(half) == {"a": ("alice",)}
    assert nothing_happened(owned)
    assert view(owned, kept.id).signed_by == {"a": ("bob",), "b": ("bob",)}
    assert len(accept(owned.application, CURATOR, kept.id, signed("alice", A)).accepted) == 2
    assert sorted(owned.build_all()) == ["a", "b"]
    with pytest.raises(AlreadyError, match="is not waiting: it is taken"):
        accept(owned.application, CURATOR, kept.id, signed("alice", A))


def test_who_owns_nothing_of_it_accepts_nothing(owned: SmallFarm) -> None:
    kept = send(owned, A)
    for envelope, words in (
        (signed("bob", A), "bob owns no recipe that submission"),
        (signed("alice", A, key=stranger()), "no known person"),
    ):
        with refuses("not-an-owner", words) as refused:
            accept(owned.application, CURATOR, kept.id, envelope)
        assert refused.value.remedy == "It waits for alice (a)."
    for other in (signed("alice", B), signed("alice", recipe("a", flag="x")), signed("alice", A, withdrawn=True)):
        with pytest.raises(SubmissionStatementError):
            accept(owned.application, CURATOR, kept.id, other)
    with refuses("not-found"):
        accept(owned.application, CURATOR, 999, signed("alice", A))
    assert nothing_happened(owned)
    assert view(owned, kept.id).signed_by == {"a": ()}  # a refused one leaves nothing


def test_what_somebody_known_has_signed_must_be_what_was_submitted_here(owned: SmallFarm) -> None:
    wrong = [
        signed("alice", recipe("a", flag="x")),
        signed("alice", A, B),
        signed("alice", A, distribution="other.example.org"),
        signed("alice", A, key=BOB),
        signed("alice", A, withdrawn=True),
    ]
    for envelope in wrong:
        with pytest.raises(SubmissionStatementError):
            send(owned, A, envelope=envelope)
    assert nothing_happened(owned)


def test_what_is_current_as_it_is_needs_no_new_signature(owned: SmallFarm) -> None:
    send(owned, A, envelope=signed("alice", A))
    owned.build_all()
    again = send(owned, A, B, envelope=signed("bob", B))
    assert [(accepted.revision.name, accepted.unchanged) for accepted in again.accepted] == [("a", True), ("b", False)]


def test_what_is_current_from_before_there_were_owners_is_signed_when_it_comes_next(farm: SmallFarm) -> None:
    send(farm, A)
    farm.build_all()
    own(farm)
    assert whom(send(farm, A)) == {"a": ("alice",)}
    taken = send(farm, A, envelope=signed("alice", A))
    assert taken.accepted[0].unchanged
    assert evidence(farm, A) == ["alice"]


def test_a_signature_is_for_one_submission(owned: SmallFarm) -> None:
    """A known envelope cannot be replayed to return to what it once signed, nor to undo a withdrawal."""
    newer, first = recipe("a", flag="x"), signed("alice", A)
    send(owned, A, envelope=first)
    send(owned, newer, envelope=signed("alice", newer))
    again = send(owned, A, envelope=first, by="mallory")
    assert (again.signed_by, whom(again)) == ("", {"a": ("alice",)})

    meant = signed("alice", recipe("a", flag="y"), B)
    kept = send(owned, recipe("a", flag="y"), B, envelope=meant)
    with owned.application.writing() as unit:
        withdraw(unit, Actor("token:me"), kept.id, curates=False)
    for envelope in (None, meant):
        sent = [recipe("a", flag="y")] if envelope is None else [recipe("a", flag="y"), B]
        assert "a" in whom(send(owned, *sent, envelope=envelope, by="mallory"))
    with owned.application.reading() as unit:
        assert recipes.current_digests(unit.session, ["a", "b"]) == {"a": digest(newer)}


def test_of_each_person_only_the_newest_signature_is_looked_at(owned: SmallFarm) -> None:
    """A person who may sign may sign again, any number of times, without cost for pages and the next submission."""
    for who in ("alice", "mallory", "alice", "mallory"):
        owned.clock.passes(1)
        newest = signed(who, A)
        last = send(owned, A, envelope=newest, by=who)
        owned.build_all()
    with owned.application.reading() as unit:
        whole = submissions.signatures_taken(unit.session, [digest(A)])[digest(A)]
        with_last = submissions.signatures_with(unit.session, [last.id])
        first = read_submission(unit.blobs.read(whole[0].envelope), {"mallory": public(MALLORY)})
    assert [signature.person for signature in whole] == ["mallory", "alice"]  # the newest first
    assert first.said == read_submission(newest, {"mallory": public(MALLORY)}).said
    assert {number: dict(found) for number, found in with_last.items()} == {last.id: {digest(A): [whole[0]]}}
    assert view(owned, last.id).signed_by == {"a": ("mallory",)}


def test_the_file_is_read_once_for_as_long_as_it_stays_the_same(owned: SmallFarm) -> None:
    with owned.application.reading() as unit:
        assert owners_in_force(unit) is owners_in_force(unit)
        assert owners_in_force(unit) is owners_as_known(unit)
    own(owned, people=curators(curators=("mallory",), others=("alice", "bob")))  # the same lines, other people
    assert whom(send(owned, A)) == {"a": ("mallory",)}


def test_what_the_signer_is_brought_does_not_grow_with_how_often_recipes_came(owned: SmallFarm) -> None:
    for _ in range(3):
        owned.clock.passes(1)
        send(owned, A, C, envelope=signed("alice", A, C))
        owned.build_all()
    send(owned, C, envelope=signed("bob", C))
    with owned.application.reading() as unit:
        brought = signatures_of(unit, [digest(A), digest(B), digest(C)])
    assert len(brought) == 2  # alice's newest, which is about both, and bob's
    assert (evidence(owned, A), sorted(map(str, evidence(owned, C)))) == (["alice"], ["alice", "bob"])


def test_the_signer_is_brought_what_makes_submissions_whole(owned: SmallFarm) -> None:
    """Of each recipe that was signed together with the requested one, though only one of them is released."""
    kept = send(owned, A, B, envelope=signed("alice", A, B))
    accept(owned.application, CURATOR, kept.id, signed("bob", A, B))
    d = recipe("d")
    taken = send(owned, B, d, envelope=signed("alice", B, d))  # b is unchanged
    assert taken.waits_for == ()
    with owned.application.reading() as unit:
        brought = signatures_of(unit, [digest(d)])
        said = [
            read_submission(unit.blobs.read(blob), {"alice": public(ALICE), "bob": public(BOB)}).said
            for blob in brought
        ]
    assert sorted((submission.submitter, *sorted(submission.recipes)) for submission in said) == [
        ("alice", "a", "b"),
        ("alice", "b", "d"),
        ("bob", "a", "b"),
    ]


def test_an_envelope_that_is_lost_is_no_signature_and_breaks_nothing(owned: SmallFarm) -> None:
    kept = send(owned, A, B, envelope=signed("alice", A))
    send(owned, C, envelope=signed("alice", C))
    owned.build_all()
    with owned.application.reading() as unit:
        given = [*submissions.signatures_with(unit.session, [kept.id])[kept.id].values()]
        lost = [signature.envelope for some in given for signature in some] + list(signatures_of(unit, [digest(C)]))
        for envelope in lost:
            unit.blobs.delete(envelope)
    assert len(lost) == 2
    assert {unsigned.recipe for unsigned in view(owned, kept.id).waits_for} == {"a", "b"}
    assert whom(send(owned, C)) == {"c": ("alice", "bob")}  # unchanged, and nothing shows who signed it
    assert send(owned, C, envelope=signed("alice", C)).accepted[0].unchanged


def test_who_is_an_owner_no_more_counts_no_more(owned: SmallFarm) -> None:
    kept = send(owned, A, B, envelope=signed("alice", A))
    own(owned, owners="* bob\n")
    assert {unsigned.recipe for unsigned in view(owned, kept.id).waits_for} == {"a", "b"}
    own(owned, people=curators(curators=("mallory",), others=("bob", "alice")))
    assert whom(accept(owned.application, CURATOR, kept.id, signed("bob", B))) == {"a": ("mallory",)}
    # Another key under the same name: what the old one signed no longer counts as the person's.
    own(owned, people=curators(curators=("alice",), others=("bob",)).replace(public(ALICE), public(MALLORY)))
    assert {unsigned.recipe for unsigned in view(owned, kept.id).waits_for} == {"a"}


def test_a_recipe_that_no_line_matches_can_be_signed_by_nobody(owned: SmallFarm) -> None:
    own(owned, owners="a alice\n")
    with refuses("unowned-recipe", "nobody owns b: no line of OWNERS matches"):
        send(owned, A, B, envelope=signed("alice", A, B))
    assert nothing_happened(owned)


def test_all_is_checked_before_it_waits_and_again_when_it_is_taken(owned: SmallFarm) -> None:
    with pytest.raises(MissingDependencyError):
        send(owned, recipe("a", needs=("zlib",)))
    with pytest.raises(RecipeError):
        send(owned, {"recipe.yaml": b"name: a\n"})
    kept = send(owned, A, recipe("c", needs=("a",)))
    owned.application = replace(owned.application, inputs=replace(WORLD, toolchains={}))
    with pytest.raises(RecipeError, match="no toolchain"):
        accept(owned.application, CURATOR, kept.id, signed("alice", A, recipe("c", needs=("a",))))
    assert view(owned, kept.id).record.state is SubmissionState.WAITING
    assert nothing_happened(owned)


def test_a_waiting_submission_is_withdrawn_by_who_sent_it_a_curator_or_an_owner(owned: SmallFarm) -> None:
    numbers = [send(owned, A, B, by="me").id for _ in range(3)]
    other = Actor("token:other")
    with owned.application.writing() as unit:
        for envelope in (None, signed("bob", A, B), signed("mallory", A, B, withdrawn=True)):
            with refuses("not-an-owner"):
                withdraw(unit, other, numbers[0], curates=False, envelope=envelope)
        with pytest.raises(InvalidEnvelopeError):
            withdraw(
                unit, other, numbers[0], curates=False, envelope=signed("bob", A, B, key=stranger(), withdrawn=True)
            )
        withdraw(unit, other, numbers[0], curates=False, envelope=signed("bob", A, B, withdrawn=True), why="unsafe")
        withdraw(unit, Actor("token:me"), numbers[1], curates=False)
        withdraw(unit, other, numbers[2], curates=True)
        with pytest.raises(AlreadyError, match="it is withdrawn"):
            withdraw(unit, other, numbers[2], curates=True)
        trail = [event for _, event in identities.audit_trail(unit.session) if event.action == "withdraw-submission"]
    assert [(event.actor, event.detail) for event in trail] == [
        ("token:other", ""), ("token:me", ""), ("token:other", "signed by bob; unsafe")
    ]  # fmt: skip
    with pytest.raises(AlreadyError):
        accept(owned.application, CURATOR, numbers[0], signed("alice", A))
    assert nothing_happened(owned)


@pytest.mark.parametrize(
    ("owners", "people", "line"),
    [
        ("* @curator\n", None, "OWNERS:1:3: there is no group '@curator'. Did you mean @curators?"),
        (None, None, "OWNERS: the file is gone. Put it back."),
        ("* @curators\n", "curators: {alice: x}\n", "curators.yaml:1:19:"),
    ],
)
def test_while_a_file_is_wrong_nothing_is_taken_and_nobody_loses_anything(
    owned: SmallFarm, owners: str | None, people: str | None, line: str
) -> None:
    kept = send(owned, A, B, envelope=signed("alice", A))
    own(owned, owners, *([people] if people else []))
    for act in (
        lambda: send(owned, C, envelope=signed("alice", C)),
        lambda: send(owned, C),
        lambda: accept(owned.application, CURATOR, kept.id, signed("bob", B)),
    ):
        with pytest.raises(OwnershipTroubleError) as refused:
            act()
        assert line in refused.value.message
    assert whom_of(owned, kept.id) == {"b": ("bob",)}
    own(owned)
    assert len(accept(owned.application, CURATOR, kept.id, signed("bob", B)).accepted) == 2


def whom_of(farm: SmallFarm, number: int) -> dict[str, tuple[str, ...]]:
    return {unsigned.recipe: unsigned.owners for unsigned in view(farm, number).waits_for}
