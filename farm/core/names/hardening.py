"""The words of hardening: what a program or library should have against its own mistakes, and what a recipe waives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

HardeningProperty: TypeAlias = Literal[
    "pie",
    "relro",
    "bind-now",
    "non-executable-stack",
    "no-text-relocations",
    "stack-protector",
    "stack-clash-protection",
]


@dataclass(frozen=True, slots=True)
class HardeningWaiver:
    """A recipe's word that some of its files do without a property, and why; `files` is a glob of package paths."""

    property: HardeningProperty
    files: str
    reason: str
