"""A channel's policy: where it takes packages from, which gates a candidate must pass, what is rebuilt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

GateKind: TypeAlias = Literal["proof", "tests"]
TestScope: TypeAlias = Literal["changed", "changed-and-dependents", "all"]
Rebuild: TypeAlias = Literal["static-consumers", "interface-changed", "always"]


@dataclass(frozen=True, slots=True)
class Gate:
    """One check that a candidate must pass; `of` says which packages' tests run, and only `tests` reads it."""

    kind: GateKind
    of: TestScope = "changed-and-dependents"


@dataclass(frozen=True, slots=True)
class ChannelPolicy:
    """`recipes/channels/<name>.yaml`. `from_channel` is empty when the channel takes fresh builds.

    `rebuild` says which dependents of a changed package are built again.
    """

    name: str
    gates: tuple[Gate, ...]
    from_channel: str = ""
    rebuild: Rebuild = "static-consumers"
