"""Advisories, statements about them, and reviews of packages: taken from curators, each with its audit row."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, TypeAlias

from farm.core.advisories.matching import Bound, Statement, find
from farm.core.advisories.openvex import read_openvex, statement_form
from farm.core.advisories.osv import read_json_object, read_osv
from farm.core.advisories.reviews import Review, checked_source
from farm.core.names.canonical_json import canonical_json
from farm.core.names.package_name import PackageName
from farm.core.names.utc import utc_text
from farm.core.names.version import Version
from farm.core.recipe.distributions import check_known
from farm.errors import FarmError
from farm.server.advisories import advisories as rows
from farm.server.advisories import reviews
from farm.server.advisories.advised import check_advisory, check_packages, check_statements
from farm.server.channels import releases
from farm.server.curation.order_intake import take_claims
from farm.server.federation import imported
from farm.server.federation.advisory_import import imported_advisories
from farm.server.identities.access import audit
from farm.server.packages import packages
from farm.trust.attestation.advisory_statement import advisory_claim, review_claim, statement_claim
from farm.trust.index.release_time import CLOCK_TOLERANCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from farm.core.advisories.matching import Advisory
    from farm.core.names.digest import Digest
    from farm.server.advisories.advisories import KeptAdvisory, KeptStatement
    from farm.server.identities.access import Actor
    from farm.server.transaction.unit_of_work import UnitOfWork

Outcome: TypeAlias = Literal["added", "updated", "withdrawn", "unchanged"]

# The author's clock may differ; but an advisory dated days ahead would outrank every correction.
_AHEAD = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Hit:
    """A package in the newest release of a channel, own or imported, that an advisory affects."""

    channel: str
    package: str
    version: str


def add_advisory(
    unit: UnitOfWork, actor: Actor, content: bytes, *, allow_unknown: bool = False, envelope: bytes | None = None
) -> tuple[Advisory, Outcome]:
    """Store an advisory in OSV's form. The same one again changes nothing; a withdrawn one affects no package.

    Where a policy is signed, a new advisory must be signed in `envelope`; raises what `take_claims` raises.
    Raises `InvalidAdvisoryError`, `FarmError` (`stale-advisory`) if a newer one is stored, `in_future`,
    `InvalidValueError` for a package of a distribution that the recipes do not name and, unless `allow_unknown`, the
    error of `check_advisory`.
    """
    advisory = read_osv(content, unit.inputs.distribution)
    if not advisory.withdrawn:
        _check_distributions(unit, advisory.packages)
    document = read_json_object(content, "the advisory", "")
    body, claim = canonical_json(document).decode(), advisory_claim(document)
    if advisory.modified > unit.now + _AHEAD:
        raise in_future(f"{advisory.id} was modified at {advisory.modified}")
    before = rows.advisory(unit.session, advisory.id)
    if before is not None:
        if before.body == body:
            take_claims(unit, [claim], envelope, new=False)
            return advisory, "unchanged"
        if advisory.modified <= before.modified_at:
            same = "not newer than" if advisory.modified == before.modified_at else "older than"
            raise FarmError(
                f"{advisory.id} of {utc_text(advisory.modified)} is {same} what is kept, "
                f"of {utc_text(before.modified_at)}",
                remedy="Set `modified` to when it was changed.",
                code="stale-advisory",
            )
    if not allow_unknown and not advisory.withdrawn:
        check_advisory(unit, advisory)
    kept = rows.KeptAdvisory(
        id=advisory.id,
        body=body,
        severity=advisory.severity,
        modified_at=advisory.modified,
        withdrawn_at=advisory.withdrawn,
        added_by=actor.name,
        added_at=unit.now,
    )
    rows.keep_advisory(unit.session, kept, advisory.packages)
    take_claims(unit, [claim], envelope, new=True)
    outcome: Outcome = "withdrawn" if advisory.withdrawn else "updated" if before else "added"
    audit(unit, actor, "advisory", advisory.id, f"{outcome}: {advisory.severity}, {', '.join(advisory.packages)}")
    return advisory, outcome


def add_statements(
    unit: UnitOfWork, actor: Actor, content: bytes, *, allow_unknown: bool = False, envelope: bytes | None = None
) -> tuple[tuple[Statement, ...], int]:
    """Store an OpenVEX document's statements, signed in `envelope` like an advisory; return them, and how many are new.

    Raises `FarmError` (`stale-advisory`) for a different statement of the same time; also `InvalidAdvisoryError`,
    `in_future`, `InvalidValueError` as `add_advisory` does and, unless `allow_unknown`, the errors of
    `check_statements`.
    """
    distribution = unit.inputs.distribution
    found = read_openvex(content, distribution)
    _check_distributions(unit, (statement.package for statement in found))
    for statement in found:
        if statement.at > unit.now + _AHEAD:
            raise in_future(f"a statement about {statement.vulnerability} is of {statement.at}")
    if not allow_unknown:
        check_statements(unit, found)
    kept = [
        rows.KeptStatement(
            vulnerability=statement.vulnerability,
            package=statement.package,
            version=str(statement.version or ""),
            status=statement.status,
            justification=statement.justification,
            statement=canonical_json(statement_form(statement, distribution)).decode(),
            stated_by=actor.name,
            at=statement.at,
        )
        for statement in found
    ]
    _check_one_at_a_time(kept, rows.statements_on(unit.session, {statement.package for statement in kept}))
    new = rows.add_statements(unit.session, kept)
    take_claims(unit, (statement_claim(statement, distribution) for statement in found), envelope, new=new > 0)
    if new:
        stated = [
            f"{statement.vulnerability} {statement.status} in {statement.package} {statement.version or ''}".strip()
            for statement in found
        ]
        audit(unit, actor, "vex", f"{new} statement{'' if new == 1 else 's'}", "; ".join(stated))
    return found, new


def in_future(statement: str) -> FarmError:
    """Return the error for a date in the future."""
    return FarmError(f"{statement}, which is in the future", code="future-statement")


def known_about(unit: UnitOfWork, names: Iterable[str]) -> tuple[list[Advisory], list[Statement]]:
    """Return the advisories about packages that are not withdrawn, and the statements about these packages.

    Own packages have short names, imported ones full names; advisories of their own distributions are among them.
    """
    asked = set(names)
    advisories = [read_kept(unit, advisory) for advisory in rows.advisories_on(unit.session, asked)]
    theirs, stated = imported_advisories(unit, asked)
    if not advisories and not theirs:
        return [], []
    return [*advisories, *theirs], [
        *(_statement(statement) for statement in rows.statements_on(unit.session, asked)),
        *stated,
    ]


def read_kept(unit: UnitOfWork, kept: KeptAdvisory) -> Advisory:
    """Return a stored advisory as a value."""
    return read_osv(kept.body.encode(), unit.inputs.distribution)


def all_statements(unit: UnitOfWork) -> tuple[Statement, ...]:
    """Return all statements, the newest first."""
    return tuple(_statement(statement) for statement in rows.statements(unit.session))


def released_with(unit: UnitOfWork, advisory: Advisory) -> list[Hit]:
    """Return the packages in the newest releases of all channels that an advisory affects."""
    if advisory.withdrawn:
        return []
    found = []
    statements = [_statement(statement) for statement in rows.statements_on(unit.session, advisory.packages)]
    for channel in releases.channels(unit.session):
        newest = releases.newest_release(unit.session, channel)
        held = releases.members_named(unit.session, channel, newest.number, advisory.packages) if newest else {}
        members = [_package(unit, digest) for digest in held.values()]
        taken = imported.first_taken(unit.session, channel, advisory.packages)
        members += [
            (package.name, Version(package.version), package.revision)
            for package in imported.packages_by_digest(unit.session, taken).values()
        ]
        findings = find([advisory], statements, members)
        found += [
            Hit(channel, finding.package, f"{finding.version}-{finding.revision}")
            for finding in findings
            if finding.stands
        ]
    return found


def _check_one_at_a_time(new: Sequence[KeptStatement], before: Sequence[KeptStatement]) -> None:
    """Refuse two different statements with one time: it would be unclear which counts."""
    known: dict[tuple[str, str, str, datetime], set[str]] = {}
    for statement in before:
        known.setdefault((statement.vulnerability, statement.package, statement.version, statement.at), set()).add(
            statement.statement
        )
    for statement in new:
        there = known.setdefault((statement.vulnerability, statement.package, statement.version, statement.at), set())
        if there and statement.statement not in there:
            raise FarmError(
                f"another statement about {statement.vulnerability} in {statement.package} has the same time, "
                f"{statement.at}",
                remedy="Set the statement's `timestamp`, or the document's, to when it was made.",
                code="stale-advisory",
            )
        there.add(statement.statement)


def _check_distributions(unit: UnitOfWork, names: Iterable[str]) -> None:
    for name in names:
        check_known(name, unit.inputs.distributions.keys())


def _package(unit: UnitOfWork, digest: Digest) -> tuple[str, Version, int]:
    package = packages.package(unit.session, digest)
    if package is None:
        raise LookupError(f"the package {digest} of a release is not in the database")
    return package.name, Version(package.version), package.revision


def _statement(kept: KeptStatement) -> Statement:
    return Statement(
        kept.vulnerability,
        tuple(json.loads(kept.statement)["vulnerability"]["aliases"]),
        kept.package,
        Bound.parse(kept.version) if kept.version else None,
        kept.status,  # type: ignore[arg-type]  # the row's check constraint has the same words
        kept.justification,
        kept.at,
    )


def state_reviews(
    unit: UnitOfWork,
    actor: Actor,
    names: Iterable[str],
    source: str,
    *,
    at: datetime | None = None,
    envelope: bytes | None = None,
) -> tuple[tuple[Review, ...], int]:
    """Record that packages were checked against a source, now or earlier; return the reviews, and how many are new.

    Where a policy is signed, new reviews must be signed too, in `envelope`; raises what `take_claims` raises.
    Raises `InvalidReviewError`, `in_future`, `InvalidPackageNameError`, the error of `check_packages`, and
    `InvalidValueError` for a package of a distribution that the recipes do not name.
    """
    distribution = unit.inputs.distribution
    checked_source(source)
    found = sorted({PackageName.parse(name, within=distribution).inside(distribution) for name in names})
    for name in found:
        check_known(name, unit.inputs.distributions.keys())
    check_packages(unit, "a review", found)
    at = (at or unit.now).replace(microsecond=0)
    # The time of a signed review comes from the signer's clock.
    if at > unit.now + (CLOCK_TOLERANCE if envelope is not None else timedelta()):
        raise in_future(f"the review is of {utc_text(at)}")
    stated = tuple(Review(name, source, at) for name in found)
    new = reviews.keep_reviews(unit.session, stated, by=actor.name, now=unit.now)
    take_claims(unit, map(review_claim, stated), envelope, new=bool(new))
    if new:
        audit(unit, actor, "reviewed", source, f"{utc_text(at)}: {', '.join(review.package for review in new)}")
    return stated, len(new)
