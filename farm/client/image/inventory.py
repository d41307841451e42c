"""The images that this host knows: those it made, and those of its Docker Engine that have farm's label.

Only the images themselves, and the records of making them, are read.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from farm.client.findings.copied_code import carried_by
from farm.client.image.making import record_in
from farm.client.image.records import ImageRecords
from farm.core.sets.members.set_record import InvalidSetRecordError
from farm.oci.image_reference import full_name
from farm.store.errors import CorruptBlobError, MissingBlobError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from farm.client.findings.report import CopiedCode
    from farm.client.image.constraint import VersionConstraint
    from farm.client.image.records import ImageRecord
    from farm.client.repository.host import Host
    from farm.container.docker_objects import LabelledImage
    from farm.core.sets.members.set_record import PlacedPackage, SetRecord


@dataclass(frozen=True, slots=True)
class Held:
    """A matching package of an image; `carries` is the matching code in it, where that is not the package itself."""

    package: PlacedPackage
    carries: CopiedCode | None = None

    def __str__(self) -> str:
        label = f"{self.package.name.short} {self.package.full_version}"
        if self.carries is None:
            return label
        return f"{label} (carries {self.carries.library.short} {self.carries.full_version} statically)"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "package": str(self.package.name),
            "version": self.package.full_version,
            "carries": self.carries.to_dict() if self.carries else None,
        }


@dataclass(frozen=True, slots=True)
class HostImage:
    """An image: its names, its digests, its set, and whether Docker has it and this host made it.

    `elsewhere` are names that Docker has for it, and that refer to another image here.
    """

    names: tuple[str, ...]
    digest: str
    id: str
    record: SetRecord
    in_docker: bool = False
    kept: ImageRecord | None = None
    found: tuple[Held, ...] = ()
    elsewhere: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "names": list(self.names),
            "digest": self.digest,
            "id": self.id,
            "made-here": self.kept is not None,
            "in-docker": self.in_docker,
            "in-docker-as": list(self.elsewhere),
            "set": self.record.digest,
            "releases": [release.to_dict() for release in self.record.releases],
            "packages": [package.to_dict() for package in self.record.packages],
            "holding": [held.to_dict() for held in self.found],
        }


def host_images(host: Host, labelled: Iterable[LabelledImage]) -> list[HostImage]:
    """Return all images, by their names. Raises `invalid-image-record`."""
    found: dict[str, HostImage] = {}
    meant: dict[str, str] = {}
    for kept in ImageRecords(host.state).all():
        found[kept.image.image_id] = HostImage(kept.names, kept.digest, kept.image.image_id, kept.record, kept=kept)
        meant |= {full_name(name): kept.image.image_id for name in kept.names}
    by_digest = {image.digest: image.id for image in found.values()}
    for image in labelled:
        # Docker with a graph driver identifies an image by its configuration, with containerd by its manifest.
        known = found.get(by_digest.get(image.id, image.id))
        own = known.id if known else image.id
        elsewhere = tuple(name for name in image.names if meant.get(full_name(name), own) != own)
        names = {*image.names} - {*elsewhere}
        if known:
            names |= {*known.names}
            found[own] = replace(known, names=tuple(sorted(names)), in_docker=True, elsewhere=elsewhere)
            continue
        with suppress(InvalidSetRecordError):
            if record := record_in(image.labels):
                found[own] = HostImage(tuple(sorted(names)), "", own, record, in_docker=True, elsewhere=elsewhere)
    return sorted(found.values(), key=lambda image: (not image.names, image.names, image.id))


def matching(host: Host, images: Iterable[HostImage], wanted: Sequence[VersionConstraint]) -> list[HostImage]:
    """Return the images that meet all constraints, each with the matching packages; linked-in code counts."""
    kept = []
    for image in images:
        held = list(_held(host, image))
        found = [[package for package in held if _is(package, constraint)] for constraint in wanted]
        if all(found):
            kept.append(replace(image, found=tuple(dict.fromkeys(chain(*found)))))
    return kept


def _held(host: Host, image: HostImage) -> Iterator[Held]:
    evidence = image.kept.evidence if image.kept else {}
    for package in image.record.packages:
        yield Held(package)
        recorded = evidence.get(package.descriptor)
        if recorded is None or recorded.provenance is None:
            continue
        with suppress(MissingBlobError, CorruptBlobError):
            provenance = host.blobs.read(recorded.provenance.digest)
            yield from (Held(package, copy) for copy in carried_by(provenance).copies)


def _is(held: Held, wanted: VersionConstraint) -> bool:
    if held.carries:
        return wanted.is_met_by(held.carries.library, held.carries.version, held.carries.revision)
    return wanted.is_met_by(held.package.name, held.package.version, held.package.revision)
