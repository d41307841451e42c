"""How pkg-config compares versions (pc(5)): as rpm does, number by number and word by word, whatever divides them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farm.core.package.facts import ModuleVersion

# What is neither a letter, a digit nor a tilde only divides. A tilde comes before the end: 1.0~rc1 is before 1.0.
_PART = re.compile(r"~|[0-9]+|[A-Za-z]+")
_FITS = {
    "<": lambda order: order < 0,
    "<=": lambda order: order <= 0,
    "=": lambda order: order == 0,
    "!=": lambda order: order != 0,
    ">=": lambda order: order >= 0,
    ">": lambda order: order > 0,
}


def fits(version: str, wanted: ModuleVersion) -> bool:
    """Tell whether a version is one of those that are asked for; a comparison that nobody knows fits none."""
    fit = _FITS.get(wanted.comparison)
    return fit is not None and fit(compare_versions(version, wanted.version))


def compare_versions(one: str, other: str) -> int:
    """Return a number below, of or above zero."""
    if one.lower() == other.lower():
        return 0
    ours, theirs = _PART.findall(one), _PART.findall(other)
    for mine, its in zip(ours, theirs, strict=False):
        if order := _compare_parts(mine, its):
            return order
    rest = len(ours) - len(theirs)
    longer = ours[len(theirs) :] if rest > 0 else theirs[len(ours) :]
    before = bool(longer) and longer[0] == "~"
    return -rest if before else rest


def _compare_parts(mine: str, its: str) -> int:
    if "~" in {mine, its}:
        return (its == "~") - (mine == "~")
    if mine.isdigit() != its.isdigit():
        return 1 if mine.isdigit() else -1
    left: tuple[int, str] = (int(mine), "") if mine.isdigit() else (0, mine)
    right: tuple[int, str] = (int(its), "") if its.isdigit() else (0, its)
    return (left > right) - (left < right)
