"""Making an image of packages, the user's own files and a configuration; and its labels.

The digest of an image depends on these alone: not on an order, a machine, a time, or the release that brought the
packages.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from farm.client.image.description import description_files
from farm.container.sandbox_spec import NOBODY
from farm.core.fileset.manifest import Manifest
from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest, InvalidDigestError
from farm.core.sets.composition.additions import compose_with, place_imports
from farm.core.sets.composition.compose import compose
from farm.core.sets.members.set_record import SetRecord, read_builds
from farm.core.subscriber.image_file import PathImport
from farm.errors import FarmError
from farm.oci.image import image_from
from farm.oci.image_config import ImageConfig
from farm.oci.package_layers import PackageArchive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from farm.client.image.package_set import ImagePart
    from farm.core.names.platform import Platform
    from farm.core.sets.composition.compose import Composition
    from farm.core.sets.members.set_record import PlacedPackage, ReleaseRef
    from farm.oci.image import OciImage
    from farm.oci.layer import Layer
    from farm.oci.own_files import OwnFiles
    from farm.store.blobs import BlobStore

RECORD, SET, FILES, REPLACES, IMPORTS = "farm.record", "farm.set", "farm.files", "farm.replaces", "farm.imports"
BUILDS = "farm.builds"
"""The labels of an image: its set without the releases, that set's digest, the tree of the user's own files, the
packages whose links those files replace, the packages at paths of the user's choice, and build numbers above the first.
"""
_OURS = "farm."


@dataclass(frozen=True, slots=True)
class MadeImage:
    """An image in the store, the record of its set with the releases, and how its packages compose one root."""

    image: OciImage
    record: SetRecord
    composition: Composition
    config: ImageConfig


def make_image(
    parts: Sequence[ImagePart],
    config: ImageConfig,
    store: BlobStore,
    *,
    asked: Iterable[str],
    releases: Iterable[ReleaseRef] = (),
    own: OwnFiles | None = None,
    replaces: Sequence[str] = (),
    imports: Sequence[PathImport] = (),
    placed: Mapping[Digest, PlacedPackage] | None = None,
    known: Iterable[Layer] = (),
    described: bool = True,
    composed: Callable[[Composition], None] = lambda _composition: None,
) -> MadeImage:
    """Make the image of these packages; farm's labels are added to those of `config`.

    `placed` are packages, by descriptor, that the record names differently from their parts (as overrides), `known`
    layers of images made here: layers of several packages among them are not joined again. Older images had no layer
    that describes them: for such an image `described` is false. `composed` is called with the composition of the root
    before an archive is read: to check it, or to fetch the archives. Raises the errors `own-file-conflict`,
    `import-conflict`, `path-import`, `two-builds` and `package-archive`, and `ForestConflictError`.
    """
    composition = composition_of(parts, own, replaces, imports)
    composed(composition)
    names = placed or {}
    record = SetRecord(
        tuple(asked), tuple(names.get(part.descriptor.digest, part.placed) for part in parts), tuple(releases)
    )
    labelled = replace(config, labels=(*users_labels(config), *_labels(record, own, replaces, imports)))
    archives = (
        PackageArchive(part.descriptor.store_path, part.descriptor.diff_id, part.archive, part.content_bytes)
        for part in parts
    )
    filled = {entry.path for entry in own.manifest.entries} if own else ()
    image = image_from(
        composition,
        archives,
        labelled,
        store,
        files=own.layer if own else None,
        known=known,
        description=description_files(record, parts, filled) if described else None,
    )
    return MadeImage(image, record, composition, labelled)


def composition_of(
    parts: Sequence[ImagePart],
    own: OwnFiles | None = None,
    replaces: Sequence[str] = (),
    imports: Sequence[PathImport] = (),
) -> Composition:
    """Return how packages and the user's own files compose one root. Raises as `make_image`."""
    packages = [(part.descriptor, part.manifest) for part in parts]
    if not (own or imports):
        return compose(packages)
    manifest = own.manifest if own else Manifest.of(())
    return compose_with(packages, manifest, replaces, place_imports(imports, packages))


def default_command(names: Iterable[str]) -> tuple[str, ...]:
    """Return the default command of an image: that of its only package; none for several, which have no order."""
    asked = tuple(set(names))
    return asked if len(asked) == 1 else ()


def plain_config(platform: Platform, names: Iterable[str]) -> ImageConfig:
    """Return the configuration of an image for which only package names were given."""
    return ImageConfig(platform, command=default_command(names), user=NOBODY)


def users_labels(config: ImageConfig) -> tuple[tuple[str, str], ...]:
    """Return the labels of a configuration that are not farm's own."""
    return tuple((name, value) for name, value in config.labels if not name.startswith(_OURS))


def record_in(labels: Mapping[str, str]) -> SetRecord | None:
    """Return the set that an image's labels name, None where they name none. Raises `InvalidSetRecordError`."""
    return SetRecord.from_json(labels[RECORD].encode()).with_builds(builds_in(labels)) if RECORD in labels else None


def builds_in(labels: Mapping[str, str]) -> dict[str, int]:
    """Return the build numbers that an image's labels name, by full name."""
    try:
        return read_builds(json.loads(labels.get(BUILDS, "{}")))
    except ValueError:
        return {}


def files_in(labels: Mapping[str, str]) -> Digest | None:
    """Return the tree of the user's own files that an image's labels name."""
    try:
        return Digest(labels[FILES]) if FILES in labels else None
    except InvalidDigestError:
        return None


def replaced_in(labels: Mapping[str, str]) -> tuple[str, ...]:
    """Return the packages whose links the user's own files replace, by an image's labels."""
    return tuple(labels.get(REPLACES, "").split())


def imports_in(labels: Mapping[str, str]) -> tuple[PathImport, ...]:
    """Return the packages at paths of the user's choice, by an image's labels. Raises `invalid-imports`."""
    try:
        listed = json.loads(labels.get(IMPORTS, "[]"))
        return tuple(PathImport(str(path), str(package), str(inside)) for path, package, inside in listed)
    except (ValueError, TypeError) as error:
        raise FarmError(
            f"the label {IMPORTS} of an image is not what `farm image build` writes: {error}",
            remedy="Build the image again with `farm image build`.",
            code="invalid-imports",
        ) from error


def _labels(
    record: SetRecord, own: OwnFiles | None, replaces: Sequence[str], imports: Sequence[PathImport]
) -> list[tuple[str, str]]:
    bare = replace(record, releases=())
    labels = [(RECORD, bare.to_json().decode()), (SET, str(record.digest))]
    if record.builds:
        labels.append((BUILDS, canonical_json(record.builds).decode()))
    if own:
        labels.append((FILES, str(own.manifest.tree_digest)))
    if replaces:
        labels.append((REPLACES, " ".join(sorted(replaces))))
    if imports:
        listed = [[imported.path, imported.package, imported.inside] for imported in sorted(imports)]
        labels.append((IMPORTS, canonical_json(listed).decode()))
    return labels
