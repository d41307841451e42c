"""What a long sequence of steps (installing, running, making an image) shows to the user."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from farm.core.plan.job import BlobRef


Planned = TypeVar("Planned", contravariant=True)  # noqa: PLC0105  (its name is shown to readers)


class Progress(Protocol):
    """A display of progress."""

    def wait_for(self, place: Path) -> None:
        """Show that another command has locked `place`, and that this one waits for it."""

    def fetch(self, size: int) -> AbstractContextManager[Callable[[BlobRef], None]]:
        """Show how much of `size` bytes has arrived: the block calls the yielded function with each blob."""

    def note(self, text: str) -> None:
        """Show a note."""


class AnnouncingProgress(Progress, Protocol[Planned]):
    """A display of progress that first shows what is planned, before anything is written or changed."""

    def announce(self, planned: Planned) -> None:
        """Show what is planned."""


class NoProgress:
    """Shows nothing."""

    def wait_for(self, place: Path) -> None:
        """As `Progress.wait_for`."""

    def fetch(self, size: int) -> AbstractContextManager[Callable[[BlobRef], None]]:
        """As `Progress.fetch`."""
        del size
        return nullcontext(lambda _blob: None)

    def note(self, text: str) -> None:
        """As `Progress.note`."""

    def announce(self, planned: object) -> None:
        """Announce nothing, and go on."""


NO_PROGRESS = NoProgress()
