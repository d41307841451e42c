"""The owners of recipes, and whether an owner has signed a submission.

The files `OWNERS` and `curators.yaml` name them; control stores both in the database. Without `OWNERS` recipes have no
owners, and every maintainer may submit any recipe. Once the file has existed, its absence is an error, not a
permission.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from farm.core.files.problems import RecipeError
from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest
from farm.core.policy.curators import unambiguous_keys
from farm.core.policy.owners import OWNERS, read_owners
from farm.errors import FarmError, in_lines
from farm.server.curation import signed_orders
from farm.server.identities.access import Actor, audit
from farm.server.recipes import recipes
from farm.server.submissions import submissions
from farm.server.tables.recipe_rows import OwnershipRow
from farm.store.errors import CorruptBlobError, MissingBlobError
from farm.trust.attestation.dsse import InvalidEnvelopeError
from farm.trust.attestation.submission_statement import SubmissionStatementError, read_submission

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from sqlmodel import Session

    from farm.core.policy.owners import Owners
    from farm.core.policy.policies import Policies
    from farm.server.submissions.submissions import RecipeSignature
    from farm.server.transaction.unit_of_work import UnitOfWork
    from farm.trust.attestation.submission_statement import SignedSubmission

_ONLY = 1
_GONE = f"{OWNERS}: the file is gone. Put it back."


class OwnershipTroubleError(FarmError):
    """The files of owners have errors: until they are fixed, nothing can be submitted."""

    code = "ownership-trouble"

    def __init__(self, troubles: tuple[str, ...]) -> None:
        super().__init__(
            f"this farm takes no recipes while its files of owners have faults:{in_lines(troubles)}",
            remedy="Ask an operator of the farm to fix the file; it is read again within seconds.",
        )


@dataclass(frozen=True, slots=True)
class Ownership:
    """The text of `OWNERS` in force (none: recipes have no owners), and people's public keys, by name, by group.

    While there are `troubles`, one line for each error, nothing can be submitted.
    """

    owners: str | None = None
    curators: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    troubles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unsigned:
    """A recipe of a submission that none of its owners has signed; `owners` are the names of those who could."""

    recipe: str
    owners: tuple[str, ...]


def ownership(session: Session) -> Ownership | None:
    """Return the owners; None before the files were first read."""
    row = session.get(OwnershipRow, _ONLY, populate_existing=True)
    if row is None:
        return None
    return Ownership(row.owners, json.loads(row.curators), tuple(row.trouble.split("\n")) if row.trouble else ())


def set_ownership(session: Session, said: Ownership) -> None:
    """Put these owners in force."""
    curators = canonical_json({group: dict(members) for group, members in said.curators.items()}).decode()
    session.merge(OwnershipRow(id=_ONLY, owners=said.owners, curators=curators, trouble="\n".join(said.troubles)))


def apply_owners(unit: UnitOfWork, said: Policies) -> None:
    """Put the owners that the files name in force, or refuse submissions until the files are fixed."""
    before = ownership(unit.session)
    if said.owners_troubles or (said.owners is None and before is not None and before.owners is not None):
        kept = before or Ownership()
        now = Ownership(kept.owners, kept.curators, said.owners_troubles or (_GONE,))
    else:
        now = Ownership(said.owners, said.curators if said.owners_people is None else said.owners_people)
    if now == before:
        return
    set_ownership(unit.session, now)
    if before is not None and now.owners is not None and (before.owners, before.curators) != (now.owners, now.curators):
        audit(unit, Actor("control"), "owners", f"the file {OWNERS}", "the files of owners have changed")


def owners_in_force(unit: UnitOfWork) -> Owners | None:
    """Return the owners; None if recipes have no owners. Raises `OwnershipTroubleError`."""
    said = ownership(unit.session) or Ownership()
    if said.troubles:
        raise OwnershipTroubleError(said.troubles)
    return _read(said)


def owners_as_known(unit: UnitOfWork) -> Owners | None:
    """Return the owners for display: as last in force while a file has errors."""
    return _read(ownership(unit.session) or Ownership())


def keep_signature(unit: UnitOfWork, envelope: bytes, number: int, wanted: Mapping[str, Digest]) -> str:
    """Store a person's signature on recipes of submission `number`, and return the person's name.

    `wanted` are the digests of the submitted recipes by name. Returns an empty name, and stores nothing, if the signer
    is neither in `curators.yaml` nor in targets, or if the envelope came with another submission before.
    Raises `SubmissionStatementError` if a known person has signed something else.
    """
    said_here = ownership(unit.session) or Ownership()
    # Operators are known people too, but not owners.
    people = {**(signed_orders.who_orders(unit.session) or {}), **unambiguous_keys(said_here.curators)}
    try:
        opened = read_submission(envelope, people)
    except InvalidEnvelopeError:
        return ""
    said = opened.said
    if said.withdrawn:
        raise SubmissionStatementError("it withdraws these recipes")
    if said.distribution != unit.inputs.distribution:
        raise SubmissionStatementError(
            f"it is for {said.distribution[:100]}, but this farm is {unit.inputs.distribution}",
            "Sign for this one: run `farm submit` in its tree of recipes.",
        )
    for name, digest in said.recipes.items():
        if wanted.get(name) != digest:
            raise SubmissionStatementError(f"{name[:100]} as it was signed is not what was submitted")
    known = Digest.of(opened.envelope)
    if submissions.is_known_envelope(unit.session, known):
        return ""
    unit.blobs.put_bytes(opened.envelope)
    submissions.add_signatures(
        unit.session,
        envelope=known,
        recipes=said.recipes.values(),
        person=said.submitter,
        submission=number,
        now=unit.now,
    )
    return said.submitter


def keep_published_signature(unit: UnitOfWork, envelope: bytes, number: int, recipes: Collection[Digest]) -> None:
    """Store a published signature of a known person on these recipes, which submission `number` records.

    An envelope that is no such signature, or is known already, changes nothing.
    """
    people = unambiguous_keys((ownership(unit.session) or Ownership()).curators)
    try:
        opened = read_submission(envelope, people)
    except (InvalidEnvelopeError, SubmissionStatementError):
        return
    known, said = Digest.of(opened.envelope), opened.said
    signed = set(said.recipes.values()) & set(recipes)
    if not signed or said.withdrawn or submissions.is_known_envelope(unit.session, known):
        return
    unit.blobs.put_bytes(opened.envelope)
    submissions.add_signatures(
        unit.session, envelope=known, recipes=signed, person=said.submitter, submission=number, now=unit.now
    )


def unsigned(unit: UnitOfWork, number: int, wanted: Mapping[str, Digest]) -> tuple[Unsigned, ...]:
    """Return the recipes of submission `number` that still lack an owner's signature, by name.

    A signature counts for the submission that it came with. Only a recipe that is current and unchanged needs no new
    one: going back to an earlier revision needs an owner's signature again.
    Raises `OwnershipTroubleError`, and `FarmError` (`unowned-recipe`).
    """
    owners = owners_in_force(unit)
    if owners is None:
        return ()
    unowned = [name for name in wanted if not owners.owners_of(name)]
    if unowned:
        raise FarmError(
            f"nobody owns {', '.join(sorted(unowned))[:500]}: no line of {OWNERS} matches",
            remedy=f"Have a line with the owner added to {OWNERS} of the farm's recipes, then submit again.",
            code="unowned-recipe",
        )
    return lacking(unit, owners, number, wanted)


def lacking(unit: UnitOfWork, owners: Owners, number: int, wanted: Mapping[str, Digest]) -> tuple[Unsigned, ...]:
    """Return the recipes of a submission that lack the signature of one of these `owners`, by name."""
    given = submissions.signatures_with(unit.session, [number]).get(number, {})
    current = recipes.current_digests(unit.session, wanted)
    unchanged = [digest for name, digest in wanted.items() if current.get(name) == digest]
    before = submissions.signatures_taken(unit.session, unchanged)
    read = _Envelopes(unit)
    missing = []
    for name, digest in sorted(wanted.items()):
        entitled = owners.owners_of(name)
        counting = (*given.get(digest, ()), *before.get(digest, ()))
        if not any(read.signs(signature, name, entitled) for signature in counting):
            missing.append(Unsigned(name, tuple(sorted(entitled))))
    return tuple(missing)


def signatures_of(unit: UnitOfWork, signed: Iterable[Digest]) -> tuple[Digest, ...]:
    """Return envelopes (blobs, each once) in which people have signed accepted recipes, for the checker to judge.

    For each recipe it is each person's newest: their number does not grow with submissions. Included are the envelopes
    for all recipes that were signed together with these, as a statement counts as a whole. The files here do not
    matter: the checker reads the signed owners, who may be more.
    """
    brought: dict[Digest, None] = {}
    asked: set[Digest] = set()
    wanted = set(signed)
    while wanted:
        asked |= wanted
        found = submissions.signatures_taken(unit.session, wanted)
        new = dict.fromkeys(signature.envelope for _, some in sorted(found.items()) for signature in some)
        wanted = submissions.signed_in(unit.session, new.keys() - brought.keys()) - asked
        brought |= new
    return tuple(brought)


class _Envelopes:
    """Stored envelopes, each opened once for the same people: one envelope may sign a thousand recipes."""

    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit
        self._opened: dict[tuple[Digest, tuple[tuple[str, str], ...]], SignedSubmission | None] = {}

    def signs(self, signature: RecipeSignature, name: str, entitled: Mapping[str, str]) -> bool:
        """Return whether a signature is by one of the people `entitled`, with their current key, on this recipe."""
        # The row only names the envelope, which holds what was signed and by whom.
        key = signature.envelope, tuple(sorted(entitled.items()))
        if key not in self._opened:
            self._opened[key] = self._open(signature.envelope, entitled)
        said = self._opened[key]
        return said is not None and said.signs(name, signature.recipe, distribution=self._unit.inputs.distribution)

    def _open(self, envelope: Digest, entitled: Mapping[str, str]) -> SignedSubmission | None:
        try:
            return read_submission(self._unit.blobs.read(envelope), entitled).said
        except (InvalidEnvelopeError, SubmissionStatementError, MissingBlobError, CorruptBlobError):
            return None  # an unreadable envelope proves nothing


def _read(said: Ownership) -> Owners | None:
    if said.owners is None:
        return None
    try:
        return _read_file(said.owners, canonical_json(said.curators))
    except RecipeError as error:
        raise OwnershipTroubleError(tuple(problem.in_a_line() for problem in error.problems)) from error


@lru_cache(2)
def _read_file(text: str, curators: bytes) -> Owners:
    """Read the file once while it is unchanged: it may have ten thousand lines."""
    return read_owners(text.encode(), json.loads(curators))
