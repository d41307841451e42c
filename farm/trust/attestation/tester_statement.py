"""What testers sign of the jobs that they are given: the part that results of tests and of comparisons have in common.

A statement names the whole order by its digest, and every package that was there by descriptor and tree. So the result
for one set of packages is never taken for that of another, however much alike they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from farm.core.names.digest import Digest, InvalidDigestError
from farm.errors import FarmError
from farm.trust.attestation.dsse import open_envelope, unverified_statement
from farm.trust.attestation.in_toto import digest_of, digest_set, make_statement, predicate_type_of, resource

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from securesystemslib.signer import Key

    from farm.core.plan.job import DependencyArchive

_TESTER = "urn:farm:tester:"
_LISTED = (
    "Do not count it. Whose results count is in the signed list: `farm keys show`; "
    "its owner adds to it with `farm keys draft targets --allow-tester`."
)


class InvalidResultError(FarmError):
    """A signed statement is not the result of this very order by its signer."""

    code = "invalid-result"

    def __init__(self, why: str) -> None:
        super().__init__(
            f"the signed result does not answer what was ordered: {why}",
            remedy="Do not count it; look at the tester that signed it.",
        )


@dataclass(frozen=True, slots=True)
class TesterRun:
    """The circumstances in which a tester carried an order out. `tester` is its key id, times are RFC 3339 in UTC.

    `runtime` names the engine and the runtime that the commands ran under.
    """

    tester: str
    attempt: str
    started: str
    finished: str
    runtime: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Material:
    """One thing that a job was made of: the order, a package (with its tree) or a toolchain."""

    name: str
    digest: Digest
    tree: Digest | None = None

    @classmethod
    def of(cls, package: DependencyArchive) -> Material:
        """Return the material that a package is: by the digest of its descriptor."""
        return cls(package.store, package.descriptor, package.tree)

    def to_dict(self) -> dict[str, Any]:
        """Return a resource descriptor of in-toto."""
        return resource(self.name, self.digest) | ({"annotations": {"tree": self.tree}} if self.tree else {})


def tester_statement(
    kind: str,
    *,
    subject: Material,
    materials: Iterable[Material],
    run: TesterRun,
    log: Digest,
    result: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the in-toto statement of predicate type `kind` by which a tester says what an order came to."""
    predicate = {
        **result,
        "configuration": [material.to_dict() for material in materials],
        "log": digest_set(log),
        "tester": {"id": f"{_TESTER}{run.tester}", "version": dict(run.runtime)},
        "metadata": {"invocationId": run.attempt, "startedOn": run.started, "finishedOn": run.finished},
    }
    return make_statement(kind, [subject.to_dict()], predicate)


@dataclass(frozen=True, slots=True)
class Signed:
    """What a tester has signed, found to be about the order that was asked for; `result` is the whole predicate."""

    run: TesterRun
    log: Digest
    result: Mapping[str, Any]


def open_result(
    content: bytes, testers: Mapping[str, Key], *, kind: str, subject: Material, materials: Iterable[Material]
) -> Signed:
    """Return what one of these testers (by key id) has signed of the order that these materials are of.

    Raises `InvalidResultError`, or `InvalidEnvelopeError` when no key of theirs has signed.
    """
    statement, key = open_envelope(content, testers, remedy=_LISTED)
    if (found := predicate_type_of(statement)) != kind:
        raise InvalidResultError(f"it is a statement of the type {found[:100]!r}")
    try:
        (about,) = statement["subject"]
        predicate = statement["predicate"]
        named = [_material(each) for each in predicate["configuration"]]
        tester, metadata = predicate["tester"], predicate["metadata"]
        signed = Signed(
            TesterRun(
                tester=str(tester["id"]).removeprefix(_TESTER),
                attempt=str(metadata["invocationId"]),
                started=str(metadata["startedOn"]),
                finished=str(metadata["finishedOn"]),
                runtime={str(name): str(value) for name, value in tester["version"].items()},
            ),
            digest_of(predicate["log"]),
            predicate,
        )
        if _material(about) != subject:
            raise InvalidResultError(f"it is about {str(about.get('name'))[:200]}, and {subject.name} was ordered")
    except (LookupError, TypeError, ValueError, AttributeError, InvalidDigestError) as error:
        raise InvalidResultError(f"the statement lacks what it must say: {error}") from error
    wanted = list(materials)
    if named != wanted:
        other = next((material.name for material in wanted if material not in named), "nothing else")
        raise InvalidResultError(f"it was made of other things than ordered: {other} is not among them")
    if tester["id"] != f"{_TESTER}{key.keyid}":
        raise InvalidResultError(f"it names {str(tester['id'])[:100]} as its tester, and {key.keyid} signed it")
    return signed


def named_order(content: bytes) -> Digest | None:
    """Return the digest of the order that a statement names; None where it names none. Nothing of it is verified.

    For whoever has the orders, and hands them on with what was signed of them.
    """
    try:
        return digest_of(unverified_statement(content)["predicate"]["configuration"][0])
    except (LookupError, TypeError, FarmError):
        return None


def _material(form: Mapping[str, Any]) -> Material:
    tree = form.get("annotations", {}).get("tree")
    return Material(str(form["name"]), digest_of(form), Digest(tree) if tree else None)
