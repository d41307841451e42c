"""The descriptor that is about to be signed for, held against what the farm says of it."""

from __future__ import annotations

from farm.core.names.digest import Digest
from farm.core.names.printed_version import printed_version
from farm.core.package.descriptor import Descriptor
from farm.errors import FarmError


def signed_descriptor(content: bytes, digest: str, package: str, version: str) -> Descriptor:
    """Return the descriptor of this digest, which must be of the package and version that the farm shows.

    `version` is without a build number, which no descriptor holds. Raises `FarmError`.
    """
    descriptor = Descriptor.from_json(content)
    told = (digest, version)
    names = (descriptor.name.short, str(descriptor.name))  # those of other distributions go by their full names
    if told != (Digest.of(content), printed_version(descriptor.version, descriptor.revision)) or package not in names:
        raise FarmError(
            f"the farm shows {package} {version}, and its descriptor says something else",
            remedy="Sign nothing; tell the operators of the farm.",
        )
    return descriptor
