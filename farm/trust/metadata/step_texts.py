"""The texts of libraries of steps, of which a signed policy has only digests: shown to those who sign new ones.

They are identified by their digests, so a draft can carry them without being trusted.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from farm.core.names.digest import Digest
from farm.errors import FarmError
from farm.store.blobs import BlobStore
from farm.trust.layout import BLOBS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.trust.metadata.repository_files import RepositoryFiles
    from farm.trust.metadata.signed_policy import SignedPolicy, StepTexts

_LARGEST = 256 << 10
"""Bytes of a library that is shown: several fit into a draft."""


def coming_steps(now: SignedPolicy, before: SignedPolicy) -> tuple[Digest, ...]:
    """Return the libraries of steps that are newly accepted, and a known one that becomes the newest."""
    newest = now.steps[:1] if now.steps[:1] != before.steps[:1] else ()
    return tuple(step for step in now.steps if step in newest or step not in before.steps)


def texts_to_show(
    repository: RepositoryFiles, now: SignedPolicy | None, before: SignedPolicy | None, known: StepTexts
) -> StepTexts:
    """Return the texts of the steps that the policy `now` newly accepts, and of the newest steps of `before`.

    They are taken from those `known`, or from what is published; unavailable and large ones are left out.
    """
    if now is None or before is None or not (coming := coming_steps(now, before)):
        return {}
    blobs = BlobStore(repository.root / BLOBS)
    found = {digest: known.get(digest) or _published(digest, blobs) for digest in (*coming, *before.steps[:1])}
    return {digest: texts for digest, texts in found.items() if texts and len(json.dumps(texts)) <= _LARGEST}


def read_texts(value: Any) -> StepTexts:
    """Read texts of libraries, each by its digest. Raises `ValueError`, `TypeError`, `FarmError` for others."""
    if not isinstance(value, dict):
        raise TypeError("the steps are not an object")
    for digest, texts in value.items():
        if Digest.of_json(texts) != Digest(digest):
            raise ValueError(f"the steps {digest:.80} do not have that digest")
        if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
            raise ValueError("the steps hold something else than texts")
    return {Digest(digest): texts for digest, texts in value.items()}


def _published(digest: Digest, blobs: BlobStore) -> Mapping[str, str] | None:
    try:
        if blobs.size(digest) > _LARGEST:
            return None
        return read_texts({digest: json.loads(blobs.read(digest))})[digest]
    except (FarmError, OSError, ValueError, TypeError, RecursionError):
        return None  # the change says that it is not available
