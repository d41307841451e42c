"""What was found of a set that was looked at: problems of the proof, or what its tests came to. JSON only in rows."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest
from farm.server.tables.reading import TextForm

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class FoundProblem:
    """A problem of the proof. `packages` are the short names of its parties; `message` is for people.

    Two are the same when their `identity` is: it stands for the kind of the problem and all its particulars.
    """

    identity: Digest
    packages: tuple[str, ...] = field(compare=False)
    message: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class FailedTest:
    """A test that failed: which one, of which recipe; `job` is where its log is, None where it could not be run.

    Two are the same when they are the same test. `changed`: it failed before already, with another message.
    """

    package: str
    test: str
    message: str = field(compare=False)
    job: int | None = field(default=None, compare=False)
    changed: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class ProofEvidence:
    """Why a set is no release, by itself."""

    problems: tuple[FoundProblem, ...]


@dataclass(frozen=True, slots=True)
class ChangedInterface:
    """A library of a package that is not the one that `dependents` were built against, all by short names.

    `judged`: a comparison found its interface changed; else it could not be carried out. `message` is for people, and
    the whole report is in the log of `job`.
    """

    package: str
    soname: str
    dependents: tuple[str, ...]
    judged: bool
    message: str = field(compare=False)
    job: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class InterfaceEvidence:
    """Which libraries of a set are others than its members were built against."""

    changed: tuple[ChangedInterface, ...]


@dataclass(frozen=True, slots=True)
class InterfaceCount:
    """How many libraries of a set were compared and found to do, and which could not be judged, each in a sentence."""

    compared: int = 0
    not_judged: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TestEvidence:
    """What the tests of a set came to: how many there are, those that its changes break, those that failed before.

    `flaky` ones failed and then passed on the same files. `interfaces` is what was compared before; None where the
    channel does not ask for that. `attestations` are the signed results that all this goes by, of a set that passes.
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
    """Return evidence as a row holds it: canonical JSON, empty for none."""
    if evidence is None:
        return ""
    if isinstance(evidence, ProofEvidence):
        problems = [
            {"identity": problem.identity, "message": problem.message, "packages": list(problem.packages)}
            for problem in evidence.problems
        ]
        return canonical_json({"problems": problems}).decode()
    if isinstance(evidence, InterfaceEvidence):
        return canonical_json({"interfaces": [_interface_form(interface) for interface in evidence.changed]}).decode()
    form: dict[str, Any] = {"count": evidence.count, "tests": _forms(evidence.regressions), **unblocking(evidence)}
    if evidence.interfaces is not None:
        compared = evidence.interfaces
        form["compared"] = {"count": compared.compared, "not-judged": list(compared.not_judged)}
    if evidence.attestations:
        form["attestations"] = list(evidence.attestations)
    return canonical_json(form).decode()


def evidence_of_text(text: str) -> Evidence | None:
    """Return the evidence of a row. Raises `ValueError`, `KeyError` for what is none."""
    if not text:
        return None
    form = json.loads(text)
    if "problems" in form:
        return ProofEvidence(tuple(map(_problem, form["problems"])))
    if "interfaces" in form:
        return InterfaceEvidence(tuple(map(_interface, form["interfaces"])))
    compared = form.get("compared")
    return TestEvidence(
        int(form.get("count", 0)),
        regressions=_tests(form, "tests"),
        already_red=_tests(form, "already-red"),
        flaky=_tests(form, "flaky"),
        interfaces=InterfaceCount(compared["count"], tuple(compared["not-judged"])) if compared else None,
        attestations=tuple(map(Digest, form.get("attestations", ()))),
    )


def unblocking(evidence: TestEvidence) -> dict[str, list[dict[str, Any]]]:
    """Return the tests that failed and block nothing, as JSON values."""
    return {"already-red": _forms(evidence.already_red, changed=True), "flaky": _forms(evidence.flaky)}


def _forms(tests: tuple[FailedTest, ...], *, changed: bool = False) -> list[dict[str, Any]]:
    return [
        {"job": test.job, "message": test.message, "package": test.package, "test": test.test}
        | ({"changed": test.changed} if changed else {})
        for test in tests
    ]


def _interface_form(found: ChangedInterface) -> dict[str, Any]:
    return {
        "dependents": list(found.dependents),
        "job": found.job,
        "judged": found.judged,
        "message": found.message,
        "package": found.package,
        "soname": found.soname,
    }


def _interface(form: Mapping[str, Any]) -> ChangedInterface:
    return ChangedInterface(
        package=form["package"],
        soname=form["soname"],
        dependents=tuple(form["dependents"]),
        judged=form["judged"],
        message=form["message"],
        job=form["job"],
    )


def _problem(form: Mapping[str, Any]) -> FoundProblem:
    # Rows of before have no identity; what they say was all that told two problems apart.
    identity = Digest(form["identity"]) if "identity" in form else Digest.of(form["message"].encode())
    return FoundProblem(identity, tuple(form["packages"]), form["message"])


def _tests(form: Mapping[str, Any], kind: str) -> tuple[FailedTest, ...]:
    return tuple(
        FailedTest(each["package"], each["test"], each["message"], each["job"], changed=bool(each.get("changed")))
        for each in form.get(kind, ())
    )


EVIDENCE = TextForm(evidence_of_text, evidence_to_text)
