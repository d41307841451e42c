"""The differences between two images: packages, files, symbols, and known vulnerabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from farm.client.image.making import users_labels
from farm.client.repository.download import DownloadError
from farm.client.repository.known_advisories import NoAdvisoriesError, known_in_release
from farm.client.repository.subscriptions import SubscriptionError
from farm.core.comparison.files import file_changes
from farm.core.comparison.symbols import symbol_changes
from farm.core.names.digest import Digest
from farm.core.names.form import Form
from farm.core.names.version import Version
from farm.core.sets.members.set_record import PackageChange, changes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from farm.client.image.known_image import KnownImage
    from farm.client.image.package_set import ImagePart
    from farm.client.repository.host import Host
    from farm.core.fileset.manifest import Manifest
    from farm.core.package.facts import PackageFacts

_OWN = ""
"""The owner of the user's own files."""


@dataclass(frozen=True, slots=True)
class ImageFileChange(Form, record="file change"):
    """A path that differs, in a package, or at the root where it is the user's own (an empty `package`)."""

    package: str
    path: str
    change: str


@dataclass(frozen=True, slots=True)
class ImageSymbolChange(Form, record="symbol change"):
    """The symbols that a library exports only in the new or the old image, as `name` or `name@VERSION`, sorted."""

    package: str
    soname: str
    added: tuple[str, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AdvisoryChange(Form, record="advisory change"):
    """An advisory that holds for a package of only one of the images."""

    package: str
    advisory: str
    severity: str
    change: str


@dataclass(frozen=True, slots=True)
class LayerChange(Form, record="layer change"):
    """A layer that no package accounts for, and that only one of the images has; `holds` is its recorded content."""

    diff_id: Digest
    holds: str
    change: str


@dataclass(frozen=True, slots=True)
class ImageDiff:
    """All differences. `layers` are those that other tools added, `settings` keys of the configuration.

    `advisories` is None where nothing can be known.
    """

    packages: tuple[PackageChange, ...]
    files: tuple[ImageFileChange, ...]
    layers: tuple[LayerChange, ...]
    symbols: tuple[ImageSymbolChange, ...]
    settings: tuple[str, ...]
    advisories: tuple[AdvisoryChange, ...] | None

    @property
    def is_empty(self) -> bool:
        """Whether the two are the same image."""
        return not (self.packages or self.files or self.layers or self.settings)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "advisories": None if self.advisories is None else [advisory.to_dict() for advisory in self.advisories],
            "files": [file.to_dict() for file in self.files],
            "foreign-layers": [layer.to_dict() for layer in self.layers],
            "packages": [package.to_dict() for package in self.packages],
            "settings": list(self.settings),
            "symbols": [symbol.to_dict() for symbol in self.symbols],
        }


@dataclass(frozen=True, slots=True)
class Side:
    """One of two images: the image, its packages, the user's own files in it, and the layers that other tools added."""

    image: KnownImage
    parts: Sequence[ImagePart]
    own: Manifest | None
    foreign: Sequence[tuple[Digest, str]] = ()


def compare(host: Host, old: Side, new: Side) -> ImageDiff:
    """Compare two images. Uses the channels' signed advisories, where they can be read."""
    before = {str(part.descriptor.name): part for part in old.parts}
    after = {str(part.descriptor.name): part for part in new.parts}
    files: list[ImageFileChange] = []
    symbols: list[ImageSymbolChange] = []
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        if was and now and was.descriptor.digest == now.descriptor.digest:
            continue
        files += _files(name, was.manifest if was else None, now.manifest if now else None)
        symbols += _symbols(name, was.facts if was else None, now.facts if now else None)
    files += _files(_OWN, old.own, new.own)
    return ImageDiff(
        packages=changes(old.image.record, new.image.record),
        files=tuple(files),
        layers=(*_left(old.foreign, new.foreign, "removed"), *_left(new.foreign, old.foreign, "added")),
        symbols=tuple(symbols),
        settings=_settings(old.image, new.image),
        advisories=_advisories(host, old.image, new.image),
    )


def _left(
    these: Iterable[tuple[Digest, str]], those: Iterable[tuple[Digest, str]], change: str
) -> Iterator[LayerChange]:
    there = {diff_id for diff_id, _ in those}
    return (LayerChange(diff_id, holds, change) for diff_id, holds in these if diff_id not in there)


def _files(package: str, old: Manifest | None, new: Manifest | None) -> list[ImageFileChange]:
    return [
        ImageFileChange(package, change.path, change.kind)
        for change in file_changes(old, new)
        if not change.is_directory
    ]


def _symbols(package: str, old: PackageFacts | None, new: PackageFacts | None) -> list[ImageSymbolChange]:
    return [
        ImageSymbolChange(package, change.soname, change.added, change.removed)
        for change in symbol_changes(old, new)
        if change.added or change.removed
    ]


def _settings(old: KnownImage, new: KnownImage) -> tuple[str, ...]:
    one, other = old.config, new.config
    pairs = {
        "command": (one.command, other.command),
        "entrypoint": (one.entrypoint, other.entrypoint),
        "env": (sorted(one.environment), sorted(other.environment)),
        "ports": (sorted(one.ports), sorted(other.ports)),
        "user": (one.user, other.user),
        "volumes": (sorted(one.volumes), sorted(other.volumes)),
        "workdir": (one.working_directory, other.working_directory),
        "labels": (dict(users_labels(one)), dict(users_labels(other))),
    }
    return tuple(sorted(key for key, (was, now) in pairs.items() if was != now))


def _advisories(host: Host, old: KnownImage, new: KnownImage) -> tuple[AdvisoryChange, ...] | None:
    """Return the advisories that hold for only one image; None where none of their channels publishes any."""
    channels = {package.channel for image in (old, new) for package in image.record.packages if package.channel}
    found: list[AdvisoryChange] = []
    known = False
    for channel in sorted(channels):
        sides = [_of(image, channel) for image in (old, new)]
        try:
            release = host.catalogue(channel).release
            known_now = known_in_release(host, release, {name for side in sides for name, _, _ in side})
        except (NoAdvisoriesError, SubscriptionError, DownloadError):
            continue
        known = True
        was, now = (
            {
                (finding.package, finding.advisory.id): str(finding.severity)
                for finding in known_now.find(side)
                if finding.stands
            }
            for side in sides
        )
        found += [AdvisoryChange(*key, was[key], "fixed") for key in sorted(was.keys() - now.keys())]
        found += [AdvisoryChange(*key, now[key], "new") for key in sorted(now.keys() - was.keys())]
    return tuple(found) if known else None


def _of(image: KnownImage, channel: str) -> list[tuple[str, Version, int]]:
    """Return the packages that a channel brought, named as in its set: full names for other distributions."""
    owner = channel.partition("/")[0]
    return [
        (
            package.name.short if package.name.distribution == owner else str(package.name),
            Version(package.version),
            package.revision,
        )
        for package in image.record.packages
        if package.channel == channel
    ]
