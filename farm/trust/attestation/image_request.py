"""The request to attest an image: packages of one release, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from farm.core.names.form import Form, InvalidRecordError, Minimum
from farm.core.names.package_name import InvalidPackageNameError, PackageName
from farm.errors import FarmError

MOST_PACKAGES = 32
"""How many packages may be named. Clients of registries stop at names of 255 letters."""
_WHAT = "request for an image"


class UnsignableImageError(FarmError):
    """The signer does not sign a statement about an image."""

    code = "unsignable-image"


@dataclass(frozen=True, slots=True)
class AskedImage(Form, record=_WHAT):
    """An image of packages of a release, by its number; with uncompressed layers if it is `plain`."""

    channel: str
    number: Annotated[int, Minimum(1)]
    packages: tuple[str, ...]
    plain: bool

    @classmethod
    def from_json(cls, content: bytes) -> AskedImage:
        """Read the result of `to_json`. Raises `UnsignableImageError`."""
        return cls.read_json(content, UnsignableImageError)

    def check(self) -> None:
        """Refuse names of no packages, too many of them, or in another order. Raises `InvalidRecordError`."""
        if not 0 < len(self.packages) <= MOST_PACKAGES:
            raise InvalidRecordError(_WHAT, "packages", f"names {len(self.packages)} packages")
        if list(self.packages) != sorted(set(self.packages)):
            raise InvalidRecordError(_WHAT, "packages", "is not sorted, or names one twice")
        for package in self.packages:
            try:
                PackageName("dist.example.org", package)
            except InvalidPackageNameError as error:
                raise InvalidRecordError(
                    _WHAT, "packages", f"holds what is not a package name: {error.message}"
                ) from error
