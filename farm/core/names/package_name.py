"""Package names, rooted in the DNS name of their distribution."""

from __future__ import annotations

import re
from dataclasses import dataclass

from farm.errors import FarmError

_SHORT = re.compile(r"[a-z0-9][a-z0-9+.-]{0,62}")
_VERSION = re.compile(r"[=<>@]")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})+")


class InvalidPackageNameError(FarmError):
    """A text is not a package name."""

    code = "invalid-package-name"

    def __init__(self, text: str, why: str) -> None:
        remedy = "Write it as name or domain/name."
        if _VERSION.search(text):
            remedy = (
                "Write it as name or domain/name, without a version: its channel's newest release says which there is. "
                "`farm lock` writes down the set of a release, and `farm install --locked` brings it at any time."
            )
        super().__init__(f"{text[:100]!r} is not a package name: {why}", remedy=remedy)


@dataclass(frozen=True, slots=True, order=True)
class PackageName:
    """`dist.example.org/jq`: the distribution's DNS name and the name inside it.

    The short name has at most 63 of `a-z 0-9 + . -` and starts with a letter or digit, so that it is a file
    name, a URL path segment and (but for `+`) an OCI repository component.
    """

    distribution: str
    short: str

    def __post_init__(self) -> None:
        if not _DOMAIN.fullmatch(self.distribution) or len(self.distribution) > 253:
            raise InvalidPackageNameError(str(self), f"{self.distribution!r} is not a lower-case DNS name")
        if not _SHORT.fullmatch(self.short):
            raise InvalidPackageNameError(
                str(self), "the name itself has 1 to 63 of a-z 0-9 + . - and begins with a letter or a digit"
            )

    @classmethod
    def parse(cls, text: str, *, within: str = "") -> PackageName:
        """Read a full name, or a short one of the distribution `within`.

        Raises `InvalidPackageNameError`.
        """
        domain, slash, short = text.rpartition("/")
        if not slash:
            domain = within
        if not domain:
            raise InvalidPackageNameError(text, "it names no distribution")
        return cls(domain, short)

    def inside(self, distribution: str) -> str:
        """Return the name within a distribution: short for its own packages, full for those of others."""
        return self.short if self.distribution == distribution else str(self)

    def __str__(self) -> str:
        return f"{self.distribution}/{self.short}"
