"""What a root or an image was found to be, compared with what is signed: plain values."""

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
    """Opens what shows how many of so many bytes were read."""

LINKS, RECORD = "links", "record"


def no_progress(_total: int) -> AbstractContextManager[Seen]:
    """Show nothing."""
    return nullcontext(lambda _size: None)


@dataclass(frozen=True, slots=True)
class Fault(Form, record="fault"):
    """One thing that is not as it was signed.

    `of` is a package's full name, `links`, `record`, or of an image what a layer holds; `path` is where it lies in the
    root, empty where a whole thing is meant. `what` is altered, missing, added, or unsigned.
    """

    of: str
    path: str
    what: str
    how: str

    def __str__(self) -> str:
        return f"{self.what} {self.of}{f' {self.path}' if self.path else ''}: {self.how}"


@dataclass(frozen=True, slots=True)
class Verification(Form, record="verification", keys={"size": "bytes"}, omitted={"overrides"}):
    """What was looked at, how much of it, and all that is wrong. `unsigned` are packages that the user put there and no
    release holds: they were compared with their own descriptors. `overrides` replace what the release of a root holds.
    """

    subject: str
    packages: int
    size: int
    faults: tuple[Fault, ...]
    unsigned: tuple[str, ...] = ()
    overrides: tuple[PlacedPackage, ...] = ()

    @property
    def damaged(self) -> frozenset[str]:
        """The packages of which something is wrong, by full name."""
        return frozenset(fault.of for fault in self.faults if fault.of not in (LINKS, RECORD))
