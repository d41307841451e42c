"""Why a channel goes no step forward: kept where people look, as long as it is so."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from farm.errors import FarmError
from farm.server.channels import channel_troubles
from farm.server.transaction.text import kept_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.server.transaction.unit_of_work import Application


class Halting:
    """What keeps one channel from each of its steps. For one thread."""

    def __init__(self, application: Application, channel: str) -> None:
        self._application = application
        self._channel = channel
        self._told: str | None = None

    @contextmanager
    def told(self) -> Iterator[None]:
        """Within this a step is done: the channel says why it is not, until one is again."""
        try:
            yield
        except FarmError as error:
            self._tell(kept_error(error))
            raise
        except Exception as error:
            self._tell(f"{type(error).__name__}: the log of the control process says more.")
            raise
        self._tell("")

    def _tell(self, why: str) -> None:
        if why != self._told:
            with self._application.writing() as unit:
                channel_troubles.set_halted(unit.session, self._channel, why)
            self._told = why
