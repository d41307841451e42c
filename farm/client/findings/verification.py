"""The result of comparing a root or an image with what is signed: plain values."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from farm.core.names.form import Form
from farm.core.sets.members.set_record import PlacedPackage

if TYPE_CHECKING:
    from collections.abc import Callable

    Seen: TypeAlias = Callable[[int], None]
    ProgressBar: TypeAlias = Callable[[int], AbstractContextManager[Seen]]
    """Opens a progress display of how many of a number of bytes were read."""

LINKS, RECORD = "links", "record"


def no_progress(_total: int) -> AbstractContextManager[Seen]:
    """Show nothing."""
    return nullcontext(lambda _size: None)


@dataclass(frozen=True, slots=True)
class Fault(Form, record="fault"):
    """One thing that differs from what was signed.

    `of` is a package's full name, `links`, `record`, or for an image the content of a layer; `path` is its location in
    the root, empty where the whole thing is meant. `what` is altered, missing, added, or unsigned.
    """

    of: str
    path: str
    what: str
    how: str

    def __str__(self) -> str:
        return f"{self.what} {self.of}{f' {self.path}' if self.path else ''}: {self.how}"


@dataclass(frozen=True, slots=True)
class Verification(Form, record="verification", keys={"size": "bytes"}, omitted={"overrides"}):
    """What was compared, its size, and all faults.

    `unsigned` are packages that the user added and no release holds: they were compared with their own descriptors.
    `overrides` replace packages of a root's release.
    """

    subject: str
    packages: int
    size: int
    faults: tuple[Fault, ...]
    unsigned: tuple[str, ...] = ()
    overrides: tuple[PlacedPackage, ...] = ()

    @property
    def damaged(self) -> frozenset[str]:
        """The packages with a fault, by full name."""
        return frozenset(fault.of for fault in self.faults if fault.of not in (LINKS, RECORD))
