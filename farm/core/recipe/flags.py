"""Compiler and linker flags of every build: words as data, in the automatic steps, some for one architecture.

They become variables of the plan (`CFLAGS`, …), so that plan and provenance name them. A recipe's variable of the same
name is appended to them and removes none of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farm.core.names.platform import Platform


@dataclass(frozen=True, slots=True)
class Flag:
    """One or more flags, as a shell would split them; for all architectures, or for one (`amd64`)."""

    text: str
    architecture: str = ""


@dataclass(frozen=True, slots=True)
class FlagVariable:
    """A variable of flags that all steps see."""

    name: str
    flags: tuple[Flag, ...]

    def text(self, platform: Platform) -> str:
        """Return the value of the variable on a platform."""
        return " ".join(flag.text for flag in self.flags if flag.architecture in ("", platform.architecture))


def with_flags(
    variables: Iterable[FlagVariable], environment: Iterable[tuple[str, str]], platform: Platform
) -> tuple[tuple[str, str], ...]:
    """Return an environment with the variables of flags added; its own values of these come after the flags."""
    merged = dict(environment)
    for variable in variables:
        own = merged.get(variable.name, "")
        merged[variable.name] = f"{variable.text(platform)} {own}".strip()
    return tuple(sorted(merged.items()))
