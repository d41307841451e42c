"""Excuses for people: one card for each reason, with all the packages that it holds back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.names.grouping import grouped

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from farm.server.channels.excuses import KeptExcuse


@dataclass(frozen=True, slots=True)
class ExcuseCard:
    """A reason that applies to one or more packages; `first` is the excuse with it, `reason` a sentence.

    `retry` is the command that tries again, `retry_role` the role that it needs.
    """

    packages: Sequence[KeptExcuse]
    first: KeptExcuse
    reason: str
    retry: str
    retry_role: str


def cards(excuses: Iterable[KeptExcuse]) -> list[ExcuseCard]:
    """Return the cards of these excuses, in their order."""
    return [_card(same) for same in grouped((_reason_of(excuse), excuse) for excuse in excuses).values()]


def _reason_of(kept: KeptExcuse) -> tuple[object, ...]:
    excuse = kept.excuse
    return excuse.gate, excuse.reason, excuse.root, excuse.job, excuse.partners, kept.cleared_at is None


def sentence(reason: str) -> str:
    """Return a reason as a sentence. Names of packages keep their lower case."""
    reason = reason.strip()
    return reason if reason.endswith((".", "!", "?")) else f"{reason}."


def _card(same: Sequence[KeptExcuse]) -> ExcuseCard:
    first = same[0]
    # A job is retried once for all packages that it holds back.
    others = [] if first.retried_job or not first.retry_command else [excuse.excuse.package for excuse in same[1:]]
    retry = " ".join([first.retry_command, *others])
    return ExcuseCard(same, first, sentence(first.excuse.reason), retry, first.retry_role or "")
