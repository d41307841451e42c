"""Finds the image of a request; an image that was never requested before is made."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from farm.client.image.evidence import referrers_of, release_head
from farm.client.image.making import MadeImage, plain_config
from farm.client.image.package_set import parts_of
from farm.client.image.records import ImageRecord
from farm.client.image.registry_image import released_image
from farm.core.names.digest import Digest
from farm.core.names.utc import utc_text
from farm.core.sets.composition.compose import compose
from farm.core.sets.members.set_record import SetRecord
from farm.errors import FarmError
from farm.oci.image import plain_image
from farm.oci.root_layers import DESCRIPTION
from web.registry.budget import Bounds, Makings
from web.registry.errors import Refusal, RegistryAnswerError
from web.registry.image_cache import CacheLimits, ImageCache, Trimming
from web.registry.names import ImageName, Tag

if TYPE_CHECKING:
    from pathlib import Path

    from farm.client.image.package_set import ImagePart
    from farm.client.repository.catalogue import Catalogue
    from farm.trust.index.release_index import Release
    from web.registry.releases import SignedReleases


@dataclass(frozen=True, slots=True)
class Form:
    """The form of an image of a set: with uncompressed layers or not; with a description, which earlier images lack."""

    plain: bool
    described: bool = True

    def to_list(self) -> list[Any]:
        """Return it as part of a question; without a description in the form of earlier questions."""
        return [self.plain, *([DESCRIPTION] if self.described else [])]


class ImageMaking:
    """The images of one published repository. `who` is always the network that asks."""

    def __init__(
        self, releases: SignedReleases, folder: Path, bounds: Bounds | None = None, room: CacheLimits | None = None
    ) -> None:
        self.releases = releases
        self.cache = ImageCache(folder)
        self.trimming = Trimming(self.cache, room or CacheLimits())
        self._bounds = bounds or Bounds()
        self._images: Makings[Digest] = Makings(self._bounds)

    def tagged(self, name: ImageName, text: str, who: str = "") -> Digest:
        """Return the image of a tag, after storing it in the cache. Raises `RegistryAnswerError`."""
        tag = Tag.parse(text)
        return self._in_form(name, tag.number, Form(plain=tag.plain), who)

    def _in_form(self, name: ImageName, number: int, form: Form, who: str) -> Digest:
        release = self.releases.find(name.channel, number)
        question = _question(release, name, form)
        return self.cache.answered(question) or self._images.once(
            question, lambda: self._make(name, release, question, form), who
        )

    def pinned(self, digest: Digest, who: str = "") -> ImageRecord | None:
        """Return the image of a digest; made again if blobs of it were removed since. None if it was never made."""
        kept = self.cache.image(digest)
        if kept or not (lost := self.cache.record(digest)):
            return kept
        described = any(layer.holds == DESCRIPTION for layer in lost.image.layers)
        for ref in reversed(lost.record.releases):
            asked = ImageName(ref.channel, lost.record.asked)
            for plain in (False, True):
                if self._in_form(asked, ref.number, Form(plain=plain, described=described), who) == digest:
                    return self.cache.image(digest)
        return None

    def _make(self, name: ImageName, release: Release, question: Digest, form: Form) -> Digest:
        if self.trimming.is_short():
            raise RegistryAnswerError(
                Refusal.NO_ROOM, "the farm's disk is nearly full", remedy="Images that were pulled before can be had."
            )
        self.releases.check_known(release, name.packages)
        catalogue = self.releases.catalogue(release)
        try:
            made, parts = self._composed(name, catalogue, form)
            record = ImageRecord(
                config=made.image.config,
                manifest=made.image.manifest,
                layers=made.image.layers,
                record=made.record,
                made=utc_text(datetime.now(UTC)),
                referrers=referrers_of(made, parts, [release_head(catalogue)], self.cache.blobs),
            )
        except RegistryAnswerError:
            raise
        except FarmError as error:
            raise RegistryAnswerError(
                Refusal.INTERNAL, f"{name} of release {release.number} cannot be made: {error.message}"
            ) from error
        self.cache.keep(record)
        for digest in (question, _of_set(made.record, form), _last(name, form)):
            self.cache.remember(digest, record.digest)
        self.trimming.look()
        return record.digest

    def _composed(self, name: ImageName, catalogue: Catalogue, form: Form) -> tuple[MadeImage, tuple[ImagePart, ...]]:
        """Return the image of these packages: the stored one, if an earlier release had exactly the same set."""
        parts, head = parts_of(catalogue, catalogue.verified(name.packages)), release_head(catalogue)
        size = sum(part.content_bytes for part in parts)
        if size > self._bounds.content:
            raise RegistryAnswerError(
                Refusal.TOO_LARGE,
                f"the packages of {name} and what they need have {size >> 20} MB, and the farm makes images of "
                f"{self._bounds.content >> 20} MB at most for anonymous clients",
                remedy="Make it with `farm image build`.",
            )
        blobs = self.cache.blobs
        record = SetRecord(name.packages, tuple(part.placed for part in parts), (head.ref,))
        config = plain_config(parts[0].descriptor.platform, name.packages)
        if kept := self._kept(_of_set(record, form)):
            composition = compose([(part.descriptor, part.manifest) for part in parts])
            return MadeImage(kept.image, record, composition, config), parts
        for blob in (blob for part in parts for blob in (part.archive, part.provenance) if blob):
            if not blobs.has(blob.digest):
                blobs.share(self.releases.blobs, blob.digest)
        before = self._kept(_last(name, replace(form, plain=False)))
        known = before.image.layers if before else ()
        made = released_image(parts, head, name.packages, blobs, known=known, described=form.described)
        return (replace(made, image=plain_image(made.image, blobs)) if form.plain else made), parts

    def _kept(self, question: Digest) -> ImageRecord | None:
        digest = self.cache.answered(question)
        return self.cache.image(digest) if digest else None


def _question(release: Release, name: ImageName, form: Form) -> Digest:
    return Digest.of_json(["tag", release.digest, list(name.packages), *form.to_list()])


def _of_set(record: SetRecord, form: Form) -> Digest:
    return Digest.of_json(["set", record.digest, list(record.asked), record.packages[0].channel, *form.to_list()])


def _last(name: ImageName, form: Form) -> Digest:
    return Digest.of_json(["last", str(name), *form.to_list()])
