"""What would happen if a preview were accepted and released: as the pages and programs show it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum

from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest
from farm.core.names.form import Form
from farm.server.tables.reading import ColumnText


class VerdictState(StrEnum):
    """How far a preview is, or what came of it."""

    BUILDING = "building"
    TESTING = "testing"
    PASSES = "passes"
    FAILS = "fails"


@dataclass(frozen=True, slots=True)
class PreviewFinding(Form, record="finding of a preview"):
    """One result of a gate: of one `package`, or of the whole set if that is empty. `job` is the job with its log."""

    gate: str
    package: str
    passed: bool
    message: str
    job: int | None = None


@dataclass(frozen=True, slots=True)
class PreviewChange(Form, record="change of a preview"):
    """A package that the preview puts in the place of the channel's: their printed versions, empty for none."""

    package: str
    before: str
    after: str
    digest: Digest | None


@dataclass(frozen=True, slots=True)
class PreviewVerdict(Form, record="verdict on a preview", omitted={"tests", "stale", "unknown"}):
    """What would happen on release onto release `base` of the channel (0: it has none).

    `tests` counts the tests that have to pass, and `summary` says it all in a line. `stale` are the recipes that have
    changed since the preview was made. `unknown` are the gates that only a release can decide.
    """

    state: VerdictState
    base: int
    summary: str
    findings: tuple[PreviewFinding, ...] = ()
    changes: tuple[PreviewChange, ...] = ()
    tests: int = 0
    stale: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def decided(self) -> bool:
        """Whether all that can be known is known."""
        return self.state in (VerdictState.PASSES, VerdictState.FAILS)

    @property
    def rests(self) -> bool:
        """Whether only a job that ends, or another release, changes it; a test may be tried again after a time."""
        return self.state is not VerdictState.TESTING


VERDICT = ColumnText(
    lambda text: PreviewVerdict.from_dict(json.loads(text)) if text else None,
    lambda verdict: canonical_json(verdict.to_dict()).decode() if verdict else "",
)
