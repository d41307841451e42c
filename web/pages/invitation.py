"""What a visitor needs to subscribe, or to pull an image: the addresses, and the fingerprint of the root."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.names.digest import Digest
from farm.trust.layout import METADATA
from web.registry.names import image_name

if TYPE_CHECKING:
    from pathlib import Path

    from fastapi import Request

    from web.pages.rendering import Pages

FIRST_ROOT = f"{METADATA}/1.root.json"


@dataclass(frozen=True, slots=True)
class Invitation:
    """Either field is empty while it is not known."""

    address: str
    fingerprint: str


def invitation(request: Request, repository: Path | None) -> Invitation:
    """Return the invitation to the repository below `/repository`, with the address that the visitor uses."""
    if repository is None:
        return Invitation("", "")
    try:
        fingerprint = str(Digest.of((repository / FIRST_ROOT).read_bytes()))
    except FileNotFoundError:  # the key ceremony was not held yet
        fingerprint = ""
    return Invitation(f"{request.base_url}repository", fingerprint)


def pulled_as(request: Request, pages: Pages, channel: str, *packages: str) -> str:
    """Return the name under which these packages are pulled from this host, without a tag; empty if they cannot be.

    Without packages it is the prefix of all names.
    """
    if not pages.images:
        return ""
    name = image_name(channel, packages)
    return f"{request.url.netloc}/{name}" if name else ""
