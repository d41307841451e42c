"""The files by which an image describes itself: `/etc/os-release`, and the SPDX document of its set.

Both follow from the set alone. They do not have the number of a release: a set that two releases hold is one image.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from farm.client.image.sbom import set_sbom
from farm.oci.root_layers import OS_RELEASE, SET_SBOM

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from farm.client.image.package_set import ImagePart
    from farm.core.sets.members.set_record import SetRecord

_NO_IDENTIFIER = re.compile(r"[^a-z0-9._-]")


def description_files(record: SetRecord, parts: Sequence[ImagePart], own: Collection[str] = ()) -> dict[str, bytes]:
    """Return the files of an image's description by path; `own` are paths that the image's maker provides."""
    files = {OS_RELEASE: os_release(record).encode(), SET_SBOM: set_sbom(record, parts)}
    return {path: content for path, content in files.items() if path not in own}


def os_release(record: SetRecord) -> str:
    """Return the `os-release` of a set (os-release(5)).

    The distribution is the one that most packages' channels belong to; without a channel, that of the packages. The
    version is the channel, where there is only one; the version of the image is the digest of its set.
    """
    channels = Counter(package.channel or package.name.distribution for package in record.packages)
    distributions = Counter(element.partition("/")[0] for element in channels.elements())
    distribution = min(distributions, key=lambda name: (-distributions[name], name))
    channel = next(iter(channels)).partition("/")[2] if len(channels) == 1 else ""
    fields = {
        "NAME": f'"{distribution}"',
        "ID": _identifier(distribution),
        "PRETTY_NAME": f'"{distribution} {channel}"' if channel else f'"{distribution}"',
        "VERSION_ID": _identifier(channel),
        "IMAGE_VERSION": record.digest.hex,
    }
    return "".join(f"{name}={value}\n" for name, value in fields.items() if value)


def _identifier(text: str) -> str:
    """Return a text in the characters that os-release allows in identifiers."""
    return _NO_IDENTIFIER.sub("-", text)
