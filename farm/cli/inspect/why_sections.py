"""The sections of `farm why NAME`, in their order. Each is loaded when it is asked, as verbs are.

So the client without extras answers what it can, and says which extra the rest needs.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from farm.extras import missing_extra

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from farm.cli.output import Line
    from farm.cli.settings import Settings

SECTIONS = {
    "rebuilt": "why_rebuilt:rebuilt_here",
    "at-farm": "why_at_farm:caused_at_farm",
    "held": "why_at_farm:held_back",
    "needed": "why_needed:needed",
}
"""Member in JSON → the function of the section, in a module beside this one."""


@dataclass(frozen=True, slots=True)
class Question:
    """The package asked about, the channel and the tree of recipes of the options, and the settings."""

    name: str
    channel: str
    recipes: Path | None
    settings: Settings

    @property
    def short(self) -> str:
        """The name within its distribution."""
        return self.name.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Section:
    """One answer: JSON values for programs, and lines for people; `knows`: it is about a package that was found."""

    form: Any
    lines: Sequence[Line]
    knows: bool = True


def sections_about(question: Question) -> dict[str, Section]:
    """Return the sections that have something to say, by their members in JSON."""
    found = ((name, _section(name, target, question)) for name, target in SECTIONS.items())
    return {name: section for name, section in found if section}


def _section(name: str, target: str, question: Question) -> Section | None:
    module, _, function_name = target.partition(":")
    try:
        loaded = importlib.import_module(f"farm.cli.inspect.{module}")
        function: Callable[[Question], Section | None] = getattr(loaded, function_name)
        return function(question)
    except ModuleNotFoundError as error:
        missing = missing_extra("why", error)
        if missing is None:
            raise
        return Section({"missing-extra": missing.extra}, [f"{name}: not known, as {missing.message}"], knows=False)
