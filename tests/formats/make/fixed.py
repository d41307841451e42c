"""A clock that stands still, and random values from a counter."""

from __future__ import annotations

import base64
import hashlib
import itertools
import os
import secrets
from datetime import datetime, timedelta

from securesystemslib.signer import CryptoSigner

from tests.formats.keys import key

START = "2026-01-02 03:04:05"
CLOCK = "FAKETIME"
"""The variable from which libfaketime reads the time, at each call."""
_FORM = "%Y-%m-%d %H:%M:%S"


def tick(**ahead: float) -> None:
    """Advance the clock: by a minute, unless another time is given."""
    later = datetime.strptime(os.environ[CLOCK], _FORM) + timedelta(**(ahead or {"minutes": 1}))  # noqa: DTZ007
    os.environ[CLOCK] = later.strftime(_FORM)


def pretend() -> None:
    """Draw random values from a counter. Must be called before the import of any module that makes keys at import."""
    numbers = itertools.count()

    def some(size: int) -> bytes:
        seed = f"fixture {next(numbers)}".encode()
        return hashlib.shake_256(seed).digest(size)

    CryptoSigner.generate_ed25519 = staticmethod(lambda *_: key(some(32).hex()))  # type: ignore[method-assign]
    secrets.token_bytes = lambda size=32: some(size or 32)
    secrets.token_hex = lambda size=32: some(size or 32).hex()
    secrets.token_urlsafe = lambda size=32: base64.urlsafe_b64encode(some(size or 32)).rstrip(b"=").decode()
