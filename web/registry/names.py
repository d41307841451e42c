"""The names of repositories and tags: `stable/bash/jq`, `latest`, `7`, `7-plain`. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.names.package_name import InvalidPackageNameError, PackageName
from farm.trust.attestation.image_request import MOST_PACKAGES
from web.registry.errors import Refusal, RegistryAnswerError

if TYPE_CHECKING:
    from collections.abc import Iterable

NEWEST, PLAIN = "latest", "-plain"
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")
_TAG = re.compile(rf"({NEWEST}|[1-9][0-9]{{0,9}})({PLAIN})?")
_SPELT = "Write it as CHANNEL/PACKAGE/PACKAGE…, a plus sign in a package's name as _p."


@dataclass(frozen=True, slots=True)
class ImageName:
    """A requested image: a channel, and its packages, each once, sorted."""

    channel: str
    packages: tuple[str, ...]

    @classmethod
    def parse(cls, path: str) -> ImageName:
        """Read the name of a repository. Raises `RegistryAnswerError`."""
        channel, *components = path.split("/")
        if not components or not all(_COMPONENT.fullmatch(component) for component in (channel, *components)):
            raise RegistryAnswerError(
                Refusal.NAME_INVALID, f"{path[:255]!r} names no packages of a channel", remedy=_SPELT
            )
        # No package has an underscore in its name, and no component a plus sign.
        packages = tuple(sorted({component.replace("_p", "+") for component in components}))
        if len(packages) > MOST_PACKAGES:
            raise RegistryAnswerError(
                Refusal.NAME_INVALID,
                f"the name has {len(packages)} packages, and may have {MOST_PACKAGES}",
                remedy="Make a package that needs them all, or use `farm image build`.",
            )
        for package in packages:
            try:
                PackageName("dist.example.org", package)
            except InvalidPackageNameError as error:
                raise RegistryAnswerError(Refusal.NAME_INVALID, error.message, remedy=_SPELT) from error
        return cls(channel, packages)

    def __str__(self) -> str:
        return image_name(self.channel, self.packages)


@dataclass(frozen=True, slots=True)
class Tag:
    """The release, 0 for the newest, and whether its layers are uncompressed."""

    number: int
    plain: bool

    @classmethod
    def parse(cls, text: str) -> Tag:
        """Parse a tag. Raises `RegistryAnswerError` for one that no image has."""
        found = _TAG.fullmatch(text)
        if found is None:
            raise RegistryAnswerError(
                Refusal.MANIFEST_UNKNOWN,
                f"no image has the tag {text[:128]!r}",
                remedy=f"Tags are {NEWEST} and the numbers of releases, each also with {PLAIN} behind it.",
            )
        return cls(0 if found[1] == NEWEST else int(found[1]), found[2] is not None)


def image_name(channel: str, packages: Iterable[str]) -> str:
    """Return the repository of an image; empty if it can have no such name, as for a package `x-+`."""
    components = (channel, *(package.replace("+", "_p") for package in packages))
    return "/".join(components) if all(_COMPONENT.fullmatch(component) for component in components) else ""
