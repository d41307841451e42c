"""Which image a request leads to; an image that nobody has asked for before is made."""

from __future__ import annotations

import bisect
import threading
from collections import OrderedDict
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
from web.registry.errors import BrokenInsideError, NameUnknownError, NoRoomError, RegistryError, TooLargeError
from web.registry.names import NEWEST, PLAIN, ImageName, Tag
from web.registry.releases import SignedReleases
from web.registry.shelf import ImageShelf
from web.registry.trimming import Room, Trimming

if TYPE_CHECKING:
    from pathlib import Path

    from farm.client.catalogue import Catalogue
    from farm.client.image_parts import ImagePart
    from farm.trust.release_index import Release

_MOST_FOUND = 100_000
"""How many answers to whether a release has a package are kept in memory."""
_MOST_LISTS = 64
"""Of how many names the releases are kept in memory, so that who reads a list page by page makes one look."""
_MOST_LISTED = 1000
"""How many releases, the newest, are looked through for a list of tags; older ones are to be had by their numbers."""


class ImageMaking:
    """The images of one published repository. `who` is always the household that asks."""

    def __init__(self, repository: Path, folder: Path, bounds: Bounds | None = None, room: Room | None = None) -> None:
        self.releases = SignedReleases(repository, folder / "metadata")
        self.shelf = ImageShelf(folder)
        self.trimming = Trimming(self.shelf, room or Room())
        self._bounds = bounds or Bounds()
        self._images: Makings[Digest] = Makings(self._bounds)
        self._looks: Makings[tuple[int, ...]] = Makings(self._bounds)
        self._found: dict[tuple[Digest, tuple[str, ...]], bool] = {}
        self._lists: OrderedDict[tuple[Digest, ImageName], tuple[int, ...]] = OrderedDict()
        self._listing = threading.Lock()

    def tagged(self, name: ImageName, text: str, who: str = "") -> Digest:
        """Return the image of a tag; it is on the shelf then. Raises `RegistryError`."""
        tag = Tag.parse(text)
        release = self.releases.find(name.channel, tag.number)
        question = _question(release, name, plain=tag.plain)
        return self.shelf.answered(question) or self._images.once(
            question, lambda: self._make(name, release, question, plain=tag.plain), who
        )

    def pinned(self, digest: Digest, who: str = "") -> ImageRecord | None:
        """Return the image of a digest; made again if blobs of it were removed since. None where none was made."""
        kept = self.shelf.image(digest)
        if kept or not (lost := self.shelf.record(digest)):
            return kept
        for ref in reversed(lost.record.releases):
            asked = ImageName(ref.channel, lost.record.asked)
            for plain in ("", PLAIN):
                if self.tagged(asked, f"{ref.number}{plain}", who) == digest:
                    return self.shelf.image(digest)
        return None

    def tags(self, name: ImageName, after: str, limit: int, who: str = "") -> tuple[list[str], bool]:
        """Return at most `limit` tags that come after another in the alphabet, and whether there are more.

        Raises `NameUnknownError` for a package that no release has.
        """
        newest = self.releases.newest(name.channel)
        numbers = self._numbers(name, newest, who)
        words = [*map(str, numbers), *([NEWEST] if numbers[0] == newest.number else [])]
        tags = sorted(each + kind for each in words for kind in ("", PLAIN))
        begin = bisect.bisect_right(tags, after)
        return tags[begin : begin + limit], begin + limit < len(tags)

    def _make(self, name: ImageName, release: Release, question: Digest, *, plain: bool) -> Digest:
        if self.trimming.is_short():
            raise NoRoomError("the farm's disk is nearly full", remedy="Images that were pulled before can be had.")
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
        self.trimming.look()
        return record.digest

    def _composed(
        self, name: ImageName, catalogue: Catalogue, *, plain: bool
    ) -> tuple[MadeImage, tuple[ImagePart, ...]]:
        """Return the image of these packages: the one that is kept, where an earlier release had the very same set."""
        parts, head = parts_of(catalogue, catalogue.verified(name.packages)), release_head(catalogue)
        size = sum(part.content_bytes for part in parts)
        if size > self._bounds.content:
            raise TooLargeError(
                f"the packages of {name} and what they need have {size >> 20} MB, and the farm makes images of "
                f"{self._bounds.content >> 20} MB at most for whoever asks",
                remedy="Make it with `farm image build`.",
            )
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
            what = f"release {release.number} of {release.channel} has no package {', '.join(lacking)}"
            raise NameUnknownError(what, self.releases.near(release, lacking))

    def _kept(self, question: Digest) -> ImageRecord | None:
        digest = self.shelf.answered(question)
        return self.shelf.image(digest) if digest else None

    def _numbers(self, name: ImageName, newest: Release, who: str) -> tuple[int, ...]:
        """Return the numbers of the releases that have all packages of a name, the newest first; at least one."""
        key = (newest.digest, name)
        with self._listing:
            if key in self._lists:
                self._lists.move_to_end(key)
                return self._lists[key]
        numbers = self._looks.once(key, lambda: self._look(name, newest), who)
        with self._listing:
            self._lists[key] = numbers
            if len(self._lists) > _MOST_LISTS:
                self._lists.popitem(last=False)
        return numbers

    def _look(self, name: ImageName, newest: Release) -> tuple[int, ...]:
        chain = sorted(self.releases.chain(name.channel).items(), reverse=True)[:_MOST_LISTED]
        numbers = tuple(number for number, digest in chain if self._holds(name, digest))
        if not numbers:
            self._check_known(name, newest)
        return numbers

    def _holds(self, name: ImageName, release: Digest) -> bool:
        """Say whether a release has all packages of a name; looked up once."""
        key = (release, name.packages)
        if key not in self._found:
            if len(self._found) >= _MOST_FOUND:
                self._found.clear()
            self._found[key] = not self.releases.lacking(self.releases.at(release), name.packages)
        return self._found[key]


def _question(release: Release, name: ImageName, *, plain: bool) -> Digest:
    return Digest.of_json(["tag", release.digest, list(name.packages), plain])


def _of_set(record: SetRecord, *, plain: bool) -> Digest:
    return Digest.of_json(["set", record.digest, list(record.asked), record.packages[0].channel, plain])


def _last(name: ImageName, *, plain: bool) -> Digest:
    return Digest.of_json(["last", str(name), plain])
