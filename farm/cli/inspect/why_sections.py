"""The sections of `farm why NAME`, in their order. Each is loaded when it is asked, as verbs are.

So the client without extras answers what it can, and says which extra the rest needs.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from farm.extras import missing_extra

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from farm.cli.output import Line
    from farm.cli.settings import Settings

SECTIONS = ("why_rebuilt:rebuilt_here", "why_at_farm:caused_at_farm", "why_at_farm:held_back", "why_needed:needed")
"""The functions of the sections, in modules beside this one."""


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
    """One answer: the name of its member in JSON, the values there, and the lines for people."""

    name: str
    form: Any
    lines: Sequence[Line] = field(default_factory=list)


def sections_about(question: Question) -> list[Section]:
    """Return the sections that have something to say."""
    return [section for target in SECTIONS if (section := _section(target, question))]


def _section(target: str, question: Question) -> Section | None:
    module, _, name = target.partition(":")
    try:
        function: Callable[[Question], Section | None] = getattr(
            importlib.import_module(f"farm.cli.inspect.{module}"), name
        )
        return function(question)
    except ModuleNotFoundError as error:
        missing = missing_extra("why", error)
        if missing is None:
            raise
        return Section(name.replace("_", "-"), {"missing-extra": missing.extra}, [f"not known: {missing.message}"])
