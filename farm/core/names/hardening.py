"""The hardening properties of programs and libraries, and their waivers in recipes."""

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
    """A recipe's waiver of a property for some of its files, with the reason; `files` is a glob of package paths."""

    property: HardeningProperty
    files: str
    reason: str
