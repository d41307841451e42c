"""Attributing the layers of an image to its packages, their links, its maker's own files, its description, or nothing.

Anyone who copies an image can change its labels, and other tools can add layers. Layers are bound by their digests: so
they are computed again from what is signed, and only the maker's own files are read.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from farm.client.findings.verification import RECORD, Fault
from farm.client.findings.verification_signed import misdescribed
from farm.client.image.making import files_in, imports_in, make_image, replaced_in
from farm.client.image.package_set import PackageDescriptions
from farm.client.image.user_layer import own_files_of, read_own_files
from farm.client.repository.earlier_releases import entry_of
from farm.client.repository.subscriptions import SubscriptionError
from farm.errors import FarmError
from farm.oci.own_files import HOLDS, is_own
from farm.oci.package_layers import MOST_PACKAGE_LAYERS
from farm.oci.root_layers import DESCRIPTION

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from farm.client.image.known_image import KnownImage
    from farm.client.image.making import MadeImage
    from farm.client.image.package_set import ImagePart
    from farm.client.image.user_layer import LayerSource
    from farm.client.repository.host import Host
    from farm.core.names.digest import Digest
    from farm.oci.own_files import OwnFiles


def unaccounted(
    host: Host,
    image: KnownImage,
    described: PackageDescriptions,
    parts: Sequence[ImagePart],
    engine: LayerSource | None,
) -> tuple[Fault, ...]:
    """Return the layers of an image that are not attributed, and where the image differs from its own labels.

    `parts` are its packages as `described` returns them, `engine` has its layers. Raises `DownloadError`, and what
    reading the maker's own files and `make_image` raise: what cannot be computed is not known to be intact.
    """
    faults = [
        fault
        for placed, part in zip(image.record.packages, parts, strict=True)
        if (fault := misdescribed(placed, part.descriptor))
    ]
    # An image made here was checked when it was made; an imported package is in no index of this channel.
    for part in () if image.kept else parts:
        if part.channel and not part.override and not part.foreign:
            catalogue = described.catalogue(part.placed)
            if entry_of(catalogue, part.placed) is None:
                how = f"no release of {part.channel} that can be had holds this build"
                faults.append(Fault(str(part.descriptor.name), "", "unsigned", how))
    if faults:
        return tuple(faults)
    own = own_files_of(image, host.blobs, engine)
    faults = list(own_faults(host, image, own, engine))
    return tuple(faults) + layer_faults(image, recomputed_image(host, image, described, parts, own))


def unattributed(host: Host, image: KnownImage, engine: LayerSource | None) -> tuple[str, ...]:
    """Describe the unattributed layers of an image; where they cannot be computed here, say why.

    Raises `SubscriptionError`.
    """
    described = PackageDescriptions(host)
    try:
        return tuple(str(fault) for fault in unaccounted(host, image, described, described.parts(image), engine))
    except SubscriptionError:
        raise
    except FarmError as error:
        return (f"its layers cannot be worked out: {error.message}",)


def foreign_layers(
    host: Host, image: KnownImage, described: PackageDescriptions, parts: Sequence[ImagePart], own: OwnFiles | None
) -> tuple[tuple[Digest, str], ...]:
    """Return the layers of an image that are not its packages, links or own files, each with its recorded content.

    `parts` are its packages as `described` returns them. Raises as `recomputed_image`.
    """
    if image.kept:  # it was made here: these are its layers
        return ()
    return _surplus(image, recomputed_image(host, image, described, parts, own))


def foreign_lines(layers: Sequence[tuple[Digest, str]]) -> list[str]:
    """Return how many layers of an image are foreign, and a line about each."""
    lines = (f"{' '.join(holds.split())[:200] or 'no description'} ({diff_id})" for diff_id, holds in layers)
    return [f"{len(layers)} {'layer' if len(layers) == 1 else 'layers'} that no package accounts for", *lines]


def recomputed_image(
    host: Host, image: KnownImage, described: PackageDescriptions, parts: Sequence[ImagePart], own: OwnFiles | None
) -> MadeImage:
    """Return the image that the packages, settings and own files of an image make."""
    if len(parts) > MOST_PACKAGE_LAYERS:  # packages that share a layer are joined from their archives
        described.ensure_archives(parts)
    return make_image(
        parts,
        image.config,
        host.blobs,
        asked=image.record.asked,
        releases=image.record.releases,
        own=own,
        replaces=replaced_in(image.labels),
        imports=imports_in(image.labels),
        placed={package.descriptor: package for package in image.record.packages},
        known=image.kept.image.layers if image.kept else (),
        described=any(holds == DESCRIPTION for _, holds in image.layers),
    )


def layer_faults(image: KnownImage, made: MadeImage) -> tuple[Fault, ...]:
    """Return where the layers of an image differ from those of the image made again, judged only by their digests."""
    must = [layer.diff_id for layer in made.image.layers]
    there = [diff_id for diff_id, _ in image.layers]
    added = list(_surplus(image, made))
    faults = []
    for layer in made.image.layers:
        if layer.diff_id in there:
            continue
        instead = next((found for found in added if found[1] == layer.holds), None)
        if instead is None:
            faults.append(Fault(layer.holds, "", "missing", "the image has no such layer"))
        else:
            added.remove(instead)
            faults.append(Fault(layer.holds, "", "altered", f"it is {instead[0]}, and must be {layer.diff_id}"))
    for diff_id, holds in added:
        # An added layer can have any name.
        how = f"it is not of the packages, links and own files that the image says it is made of: {diff_id}"
        faults.append(Fault(holds or diff_id, "", "added", how))
    if not faults and there != must:
        faults.append(Fault(RECORD, "", "altered", "its layers lie upon each other in another order"))
    return tuple(faults)


def _surplus(image: KnownImage, made: MadeImage) -> tuple[tuple[Digest, str], ...]:
    """Return the layers that an image has beyond those of the image made again; of equal layers, the uppermost."""
    left = Counter(diff_id for diff_id, _ in image.layers) - Counter(layer.diff_id for layer in made.image.layers)
    added: list[tuple[Digest, str]] = []
    for diff_id, holds in reversed(image.layers):
        if left[diff_id] > 0:
            left[diff_id] -= 1
            added.append((diff_id, holds))
    return tuple(reversed(added))


def own_faults(host: Host, image: KnownImage, own: OwnFiles | None, engine: LayerSource | None) -> Iterator[Fault]:
    """Yield a fault where the own files of an image are not the recorded ones, or would hide other files."""
    if own is None:
        return
    found = read_own_files(image, own.layer.diff_id, host.blobs, engine)
    if found.tree_digest != files_in(image.labels):
        how = f"they come to {found.tree_digest}, and the image says {files_in(image.labels)}"
        yield Fault(HOLDS, "", "altered", how)
    for entry in found.entries:
        if not is_own(entry.path):
            yield Fault(HOLDS, entry.path, "added", "no file of the user's may lie there")
