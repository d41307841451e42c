"""What a user compares, as they write it: a build of a package, or a release.

    reference = name                     the newest build of this machine
              | name "=" version         a version, with or without its revision
              | name "@" channel         the channel's newest release
              | name "@" release
              | digest                   of a descriptor
              | release
    release   = channel "@" number

A channel is written as for `--channel`; as its name begins with a letter, what follows an @ says which it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from farm.core.names.digest import Digest, InvalidDigestError
from farm.errors import FarmError

LARGEST_NUMBER = 2**31 - 1
_FORM = re.compile(r"(?P<name>[^@=]+)(=(?P<version>[^@=]+))?(@(?P<place>[^@=]+))?(@(?P<number>[0-9]{1,10}))?")


class InvalidReferenceError(FarmError):
    """A text names neither a build nor a release."""

    code = "invalid-reference"
    exit_status = 2

    def __init__(self, text: str) -> None:
        super().__init__(
            f"{text[:100]!r} names neither a build nor a release",
            remedy="Write jq, jq=1.7.1-1, jq@edge, jq@edge@3, the digest of a descriptor, or edge@3 for a release.",
        )


@dataclass(frozen=True, slots=True)
class Reference:
    """A build of the package `name`, or without a name the release `number` of `channel`.

    At most one of `channel`, `version` and `descriptor` is set; of a build of this machine none is. Of a `descriptor`,
    the name is not known.
    """

    name: str = ""
    channel: str = ""
    number: int | None = None
    version: str = ""
    descriptor: Digest | None = None

    @property
    def is_release(self) -> bool:
        """Whether it is a whole release."""
        return not self.name and self.descriptor is None

    @property
    def is_local(self) -> bool:
        """Whether it is the newest build of this machine."""
        return bool(self.name) and not (self.channel or self.version or self.descriptor)

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read a reference. Raises `InvalidReferenceError`."""
        if text.startswith("sha256:"):
            try:
                return cls(descriptor=Digest(text))
            except InvalidDigestError as error:
                raise InvalidReferenceError(text) from error
        found = _FORM.fullmatch(text)
        if found is None or (found["version"] and (found["place"] or found["number"])):
            raise InvalidReferenceError(text)
        name, place = found["name"], found["place"] or ""
        number = int(found["number"]) if found["number"] else None
        if place.isdigit() and number is None:
            name, place, number = "", name, int(place)
        if place[:1].isdigit() or number == 0 or (number or 0) > LARGEST_NUMBER or (number and not place):
            raise InvalidReferenceError(text)
        return cls(name, place, number, found["version"] or "")
