"""The descriptor that is about to be signed for, compared with what the farm says about it."""

from __future__ import annotations

from farm.core.names.digest import Digest
from farm.core.names.printed_version import printed_version
from farm.core.package.descriptor import Descriptor
from farm.errors import FarmError


def signed_descriptor(content: bytes, digest: str, package: str, version: str) -> Descriptor:
    """Return the descriptor of this digest, checked to be of the package and version that the farm shows.

    `version` is without a build number, which no descriptor holds. Raises `FarmError`.
    """
    descriptor = Descriptor.from_json(content)
    shown = (digest, version)
    names = (
        descriptor.name.short,
        str(descriptor.name),
    )  # packages of other distributions are shown by their full names
    if shown != (Digest.of(content), printed_version(descriptor.version, descriptor.revision)) or package not in names:
        raise FarmError(
            f"the farm shows {package} {version}, but the descriptor is of another package or version",
            remedy="Sign nothing; tell the operators of the farm.",
        )
    return descriptor
