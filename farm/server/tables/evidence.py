"""Findings about a set of a candidate: problems of the proof, changed interfaces, or the results of its tests."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from farm.core.buildlog.first_error import FirstError
from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest
from farm.core.names.form import Form
from farm.server.tables.reading import ColumnText

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class FoundProblem(Form, record="problem"):
    """A problem of the proof. `packages` are the short names of the packages involved; `message` is for people.

    Two problems are the same if their `identity` is, which covers the kind of the problem and all its details.
    """

    identity: Digest
    packages: tuple[str, ...] = field(compare=False)
    message: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class FailedTest(Form, record="failed test", omitted={"changed"}):
    """A failed test: its name and recipe; `job` is the job with its log, None if it could not be run.

    Two are the same if they are of the same test. `changed`: it failed before already, with another message.
    """

    package: str
    test: str
    message: str = field(compare=False)
    job: int | None = field(default=None, compare=False)
    changed: bool = field(default=False, compare=False)

    @property
    def sentence(self) -> str:
        """What happened, for people."""
        if self.job is None:
            return self.message
        return f"test {self.test!r} of {self.package} failed in job {self.job}: {self.message}"


@dataclass(frozen=True, slots=True)
class ProofEvidence(Form, record="problems of the proof"):
    """The problems of the proof, for which a set alone is no release."""

    problems: tuple[FoundProblem, ...]


@dataclass(frozen=True, slots=True)
class ChangedInterface(Form, record="changed interface"):
    """A library of a package that is not the one that `dependents` were built against, all by short names.

    `judged`: a comparison found its interface changed; otherwise it could not be compared. `message` is for people, and
    the whole report is in the log of `job`.
    """

    package: str
    soname: str
    dependents: tuple[str, ...]
    judged: bool
    message: str = field(compare=False)
    job: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class InterfaceEvidence(Form, record="changed interfaces", keys={"changed": "interfaces"}):
    """The libraries of a set that differ from those that its members were built against."""

    changed: tuple[ChangedInterface, ...]


@dataclass(frozen=True, slots=True)
class InterfaceCount(Form, record="compared interfaces", keys={"compared": "count"}):
    """How many compared libraries of a set are compatible, and which could not be judged, each in a sentence."""

    compared: int = 0
    not_judged: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TestEvidence(
    Form,
    record="results of tests",
    keys={"regressions": "tests", "interfaces": "compared"},
    omitted={"interfaces", "attestations"},
):
    """The results of a set's tests: their number, those that its changes break, those that failed before.

    `flaky` ones failed and then passed on the same files. `interfaces` are the earlier comparisons; None if the channel
    does not require them. `attestations` are the signed results that support all this, for a set that passes.
    """

    __test__ = False  # pytest would collect it for its name

    count: int = 0
    regressions: tuple[FailedTest, ...] = ()
    already_red: tuple[FailedTest, ...] = ()
    flaky: tuple[FailedTest, ...] = ()
    interfaces: InterfaceCount | None = None
    attestations: tuple[Digest, ...] = field(default=(), compare=False)


Evidence: TypeAlias = ProofEvidence | InterfaceEvidence | TestEvidence


def evidence_to_text(evidence: Evidence | None) -> str:
    """Return evidence in the form of a row: canonical JSON, empty for none."""
    return "" if evidence is None else canonical_json(evidence.to_dict()).decode()


def evidence_of_text(text: str) -> Evidence | None:
    """Return the evidence of a row. Raises `InvalidRecordError`."""
    if not text:
        return None
    form = json.loads(text)
    kinds: dict[str, type[Evidence]] = {"problems": ProofEvidence, "interfaces": InterfaceEvidence}
    return next((kind for key, kind in kinds.items() if key in form), TestEvidence).from_dict(form)


def unblocking(evidence: TestEvidence) -> dict[str, list[dict[str, Any]]]:
    """Return the tests that failed and block nothing, as JSON values."""
    already_red = [{**test.to_dict(), "changed": test.changed} for test in evidence.already_red]
    return {"already-red": already_red, "flaky": [test.to_dict() for test in evidence.flaky]}


def unblocking_of(form: Mapping[str, Any]) -> TestEvidence:
    """Read the result of `unblocking`; empty for a gate without tests."""
    already_red, flaky = (tuple(map(FailedTest.from_dict, form.get(kind, ()))) for kind in ("already-red", "flaky"))
    return TestEvidence(already_red=already_red, flaky=flaky)


EVIDENCE = ColumnText(evidence_of_text, evidence_to_text)

FIRST_ERROR = ColumnText(
    read=lambda text: FirstError.from_dict(json.loads(text)) if text else None,
    write=lambda error: canonical_json(error.to_dict()).decode() if error else "",
)
"""The first error of a failed attempt, empty if none is known."""
