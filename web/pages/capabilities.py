"""Capabilities as a page lists them: by kind, in an order that puts first what people look for. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_KINDS = {
    "command": "Commands",
    "soname": "Libraries",
    "interpreter": "Interpreters",
    "pkgconfig": "pkg-config modules",
    "package": "Packages",
}


@dataclass(frozen=True, slots=True)
class Group:
    """The capabilities of one kind. `names` pairs what is shown with the whole capability."""

    title: str
    names: tuple[tuple[str, str], ...]


def grouped(capabilities: Iterable[str]) -> list[Group]:
    """Return capabilities (`soname:libz.so.1`) by kind; unknown kinds come last, by their own name."""
    kinds: dict[str, list[tuple[str, str]]] = {kind: [] for kind in _KINDS}
    for capability in sorted(capabilities):
        kind, _, name = capability.partition(":")
        name = name.replace("=", " = ") if kind == "package" else name
        kinds.setdefault(kind, []).append((name, capability))
    return [Group(_KINDS.get(kind, kind), tuple(names)) for kind, names in kinds.items() if names]
