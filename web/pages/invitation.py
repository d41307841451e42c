"""What a visitor has to know to subscribe: where the repository is, and the fingerprint of its root of trust."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.names import Digest
from farm.trust.layout import METADATA

if TYPE_CHECKING:
    from pathlib import Path

    from fastapi import Request

FIRST_ROOT = f"{METADATA}/1.root.json"


@dataclass(frozen=True, slots=True)
class Invitation:
    """Either is empty while it is not known."""

    address: str
    fingerprint: str


def invitation(request: Request, repository: Path | None) -> Invitation:
    """Return it for the repository that this application serves below `/repository`, as the visitor reaches it."""
    if repository is None:
        return Invitation("", "")
    try:
        fingerprint = str(Digest.of((repository / FIRST_ROOT).read_bytes()))
    except FileNotFoundError:  # the ceremony of keys has not been held yet
        fingerprint = ""
    return Invitation(f"{request.base_url}repository", fingerprint)
