"""Which image somebody asks the signer about: packages of one release, and nothing else said."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from farm.core.names.canonical_json import canonical_json
from farm.core.names.json_reader import Record
from farm.core.names.package_name import PackageName
from farm.errors import FarmError

MOST_PACKAGES = 32
"""How many packages may be named. Clients of registries stop at names of 255 letters."""
_WHAT = "question for an image"


class UnsignableImageError(FarmError):
    """The signer does not say what an image is made of."""

    code = "unsignable-image"


@dataclass(frozen=True, slots=True)
class AskedImage:
    """Which image is meant: packages of a release by its number, with uncompressed layers where it is `plain`."""

    channel: str
    number: int
    packages: tuple[str, ...]
    plain: bool

    def to_json(self) -> bytes:
        """Return it as canonical JSON."""
        return canonical_json(
            {"channel": self.channel, "number": self.number, "packages": list(self.packages), "plain": self.plain}
        )

    @classmethod
    def from_json(cls, content: bytes) -> AskedImage:
        """Read what `to_json` gave. Raises `UnsignableImageError`."""
        try:
            record = Record(json.loads(content), _WHAT)
            plain: Any = record.value("plain")
            asked = cls(record.text("channel"), record.number("number", minimum=1), record.texts("packages"), plain)
            record.end()
            for package in asked.packages:
                PackageName("dist.example.org", package)
        except (ValueError, RecursionError, FarmError) as error:
            raise UnsignableImageError(f"this is no {_WHAT}: {error}") from error
        if not isinstance(plain, bool) or not 0 < len(asked.packages) <= MOST_PACKAGES:
            raise UnsignableImageError(f"this is no {_WHAT}: it names {len(asked.packages)} packages")
        if list(asked.packages) != sorted(set(asked.packages)):
            raise UnsignableImageError(f"this is no {_WHAT}: its packages are not sorted, or one is there twice")
        return asked
