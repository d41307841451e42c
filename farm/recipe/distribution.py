"""The distribution that a tree of recipes makes: its DNS name, which all its package names begin with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Distribution:
    """`recipes/distribution.yaml`: the domain (lower-case DNS name) and a line about it."""

    domain: str
    summary: str = ""
