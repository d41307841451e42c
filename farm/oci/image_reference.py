"""Names of images, as distribution/reference has them: an optional host, lower-case path components, a tag. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from farm.errors import FarmError

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?:[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]+)?/)?{_COMPONENT}(?:/{_COMPONENT})*:[A-Za-z0-9_][A-Za-z0-9._-]{{0,127}}"
)


@dataclass(frozen=True, slots=True)
class RemoteReference:
    """An image in a registry: `host` with its port where it has one, the repository's name, and the tag."""

    host: str
    name: str
    tag: str

    @classmethod
    def parse(cls, text: str) -> RemoteReference:
        """Read `host/name:tag`; raises the errors `invalid-image-reference` and `no-registry`."""
        check_reference(text)
        host, slash, rest = text.partition("/")
        if not slash or not _is_host(host):
            raise FarmError(
                f"{text[:200]!r} names no registry",
                remedy="Write it as host/name:tag, with docker.io for Docker Hub.",
                code="no-registry",
            )
        name, _, tag = rest.rpartition(":")
        return cls(host, name, tag)

    def __str__(self) -> str:
        return f"{self.host}/{self.name}:{self.tag}"


def check_reference(text: str) -> None:
    """Check that a text is a name with a tag, or empty; raises the error `invalid-image-reference`."""
    if text and not _REFERENCE.fullmatch(text):
        raise FarmError(
            f"{text[:200]!r} is not a name for an image",
            remedy="Write it as name:tag or host/name:tag, lower-case.",
            code="invalid-image-reference",
        )


def full_name(reference: str) -> str:
    """Return a familiar name with what Docker leaves out of it (distribution/reference, `ParseNormalizedNamed`)."""
    reference = reference if ":" in reference.rpartition("/")[2] else f"{reference}:latest"
    first, slash, _ = reference.partition("/")
    if not slash:
        return f"docker.io/library/{reference}"
    return reference if _is_host(first) else f"docker.io/{reference}"


def _is_host(first: str) -> bool:
    return "." in first or ":" in first or first == "localhost"
