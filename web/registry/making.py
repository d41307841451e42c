"""Which image a request leads to; an image that nobody has asked for before is made."""

from __future__ import annotations

import difflib
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from farm.client.image_defaults import plain_config
from farm.client.image_evidence import referrers_of, release_head
from farm.client.image_making import MadeImage, make_image
from farm.client.image_parts import parts_of
from farm.client.image_records import ImageRecord
from farm.compat import SetRecord, compose
from farm.errors import FarmError
from farm.names import Digest
from farm.oci.plain_image import plain_image
from web.registry.budget import Bounds, Makings
from web.registry.errors import BrokenInsideError, NameUnknownError, RegistryError
from web.registry.names import NEWEST, PLAIN, ImageName, Tag
from web.registry.releases import SignedReleases
from web.registry.shelf import ImageShelf
from web.registry.trimming import trim

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from farm.client.catalogue import Catalogue
    from farm.client.image_parts import ImagePart
    from farm.trust.release_index import Release

_MOST_FOUND = 100_000
"""How many answers to whether a release has a package are kept in memory."""


class ImageMaking:
    """The images of one published repository."""

    def __init__(self, repository: Path, folder: Path, bounds: Bounds | None = None) -> None:
        self.releases = SignedReleases(repository, folder / "metadata")
        self.shelf = ImageShelf(folder)
        self._bounds = bounds or Bounds()
        self._images: Makings[Digest] = Makings(self._bounds)
        self._looks: Makings[list[str]] = Makings(self._bounds)
        self._found: dict[tuple[Digest, tuple[str, ...]], bool] = {}

    def tagged(self, name: ImageName, text: str) -> Digest:
        """Return the image of a tag; it is on the shelf then. Raises `RegistryError`."""
        tag = Tag.parse(text)
        release = self.releases.find(name.channel, tag.number)
        question = _question(release, name, plain=tag.plain)
        return self.shelf.answered(question) or self._images.once(
            question, lambda: self._make(name, release, question, plain=tag.plain)
        )

    def pinned(self, digest: Digest) -> ImageRecord | None:
        """Return the image of a digest; made again if blobs of it were removed since. None where none was made."""
        kept = self.shelf.image(digest)
        if kept or not (lost := self.shelf.record(digest)):
            return kept
        for ref in reversed(lost.record.releases):
            asked = ImageName(ref.channel, lost.record.asked)
            for plain in ("", PLAIN):
                if self.tagged(asked, f"{ref.number}{plain}") == digest:
                    return self.shelf.image(digest)
        return None

    def tags(self, name: ImageName, after: str, limit: int) -> tuple[list[str], bool]:
        """Return at most `limit` tags that come after another in the alphabet, and whether there may be more.

        Raises `NameUnknownError` for a package that no release has.
        """
        newest = self.releases.newest(name.channel)
        key = ("tags", newest.digest, name, after, limit)
        found = self._looks.once(key, lambda: self._tags(name, newest, after, limit))
        return found[:limit], len(found) > limit

    def _make(self, name: ImageName, release: Release, question: Digest, *, plain: bool) -> Digest:
        self._check_known(name, release)
        catalogue = self.releases.catalogue(release)
        try:
            made, parts = self._composed(name, catalogue, plain=plain)
            record = ImageRecord(
                image=made.image,
                record=made.record,
                made=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                referrers=referrers_of(made, parts, [release_head(catalogue)], self.shelf.blobs),
            )
        except RegistryError:
            raise
        except FarmError as error:
            raise BrokenInsideError(f"{name} of release {release.number} cannot be made: {error.message}") from error
        self.shelf.keep(record)
        for each in (question, _of_set(made.record, plain=plain), _last(name, plain=plain)):
            self.shelf.remember(each, record.digest)
        trim(self.shelf, self._bounds.images)
        return record.digest

    def _composed(
        self, name: ImageName, catalogue: Catalogue, *, plain: bool
    ) -> tuple[MadeImage, tuple[ImagePart, ...]]:
        """Return the image of these packages: the one that is kept, where an earlier release had the very same set."""
        parts, head = parts_of(catalogue, catalogue.verified(name.packages)), release_head(catalogue)
        blobs = self.shelf.blobs
        record = SetRecord(name.packages, tuple(part.placed for part in parts), (head.ref,))
        config = plain_config(parts[0].descriptor.platform, name.packages)
        if kept := self._kept(_of_set(record, plain=plain)):
            composition = compose([(part.descriptor, part.manifest) for part in parts])
            return MadeImage(kept.image, record, composition, config), parts
        for blob in (blob for part in parts for blob in (part.archive, part.provenance) if blob):
            if not blobs.has(blob.digest):
                blobs.share(self.releases.blobs, blob.digest)
        before = self._kept(_last(name, plain=False))
        made = make_image(
            parts,
            config,
            blobs,
            asked=name.packages,
            releases=[head.ref],
            known=before.image.layers if before else (),
        )
        return (replace(made, image=plain_image(made.image, blobs)) if plain else made), parts

    def _check_known(self, name: ImageName, release: Release) -> None:
        lacking = self.releases.lacking(release, name.packages)
        if lacking:
            names = (each.name for each in self.releases.catalogue(release).listings())
            raise _unknown(release, lacking, names)

    def _kept(self, question: Digest) -> ImageRecord | None:
        digest = self.shelf.answered(question)
        return self.shelf.image(digest) if digest else None

    def _tags(self, name: ImageName, newest: Release, after: str, limit: int) -> list[str]:
        """Return one tag more than `limit`, if there are so many."""
        numbers = [number for number in self.releases.numbers(name.channel) if self._holds(name, number)]
        if not numbers:
            self._check_known(name, newest)
        tags = [str(number) for number in numbers]
        if numbers[0] == newest.number:
            tags.append(NEWEST)
        tags = sorted(each + kind for each in tags for kind in ("", PLAIN))
        return [each for each in tags if each > after][: limit + 1]

    def _holds(self, name: ImageName, number: int) -> bool:
        """Say whether a release has all packages of a name; looked up once for each index."""
        release = self.releases.find(name.channel, number)
        key = (release.index.digest, name.packages)
        if key not in self._found:
            if len(self._found) >= _MOST_FOUND:
                self._found.clear()
            self._found[key] = not self.releases.lacking(release, name.packages)
        return self._found[key]


def _unknown(release: Release, lacking: Sequence[str], names: Iterable[str]) -> NameUnknownError:
    have = list(names)
    near = [found for each in lacking for found in difflib.get_close_matches(each, have, n=3)]
    what = f"release {release.number} of {release.channel} has no package {', '.join(lacking)}"
    return NameUnknownError(what, dict.fromkeys(near))


def _question(release: Release, name: ImageName, *, plain: bool) -> Digest:
    return Digest.of_json(["tag", release.digest, list(name.packages), plain])


def _of_set(record: SetRecord, *, plain: bool) -> Digest:
    return Digest.of_json(["set", record.digest, list(record.asked), record.packages[0].channel, plain])


def _last(name: ImageName, *, plain: bool) -> Digest:
    return Digest.of_json(["last", str(name), plain])
