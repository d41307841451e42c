"""A message to the signer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.names.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from tests.attack.liar import Liar

MISSING = Digest.of(b"nobody has this")
NESTED = b"[" * 100_000 + b"]" * 100_000


@dataclass(frozen=True)
class Message:
    """The message to send; the signer may accept a `harmless` one."""

    what: str
    send: Callable[[Liar], httpx.Response]
    harmless: bool = False
