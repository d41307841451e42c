"""The texts of libraries of steps, of which a signed policy has only digests: for whoever is to sign others.

They are told by their digests, so that a draft can bring them along, and nobody need be believed.
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
"""Bytes of a library that is shown: several have room in a draft."""


def coming_steps(now: SignedPolicy, before: SignedPolicy) -> tuple[Digest, ...]:
    """Return the libraries of steps that are accepted newly, and the one that comes to be the newest."""
    newest = now.steps[:1] if now.steps[:1] != before.steps[:1] else ()
    return tuple(step for step in now.steps if step in newest or step not in before.steps)


def texts_to_show(
    repository: RepositoryFiles, now: SignedPolicy | None, before: SignedPolicy | None, known: StepTexts
) -> StepTexts:
    """Return the texts of the steps that one policy accepts newly after another, and of the newest ones of before.

    They are taken from those `known`, or from what is published; left out is what is in neither, or is large.
    """
    if now is None or before is None or not (coming := coming_steps(now, before)):
        return {}
    blobs = BlobStore(repository.root / BLOBS)
    found = {digest: known.get(digest) or _published(digest, blobs) for digest in (*coming, *before.steps[:1])}
    return {each: texts for each, texts in found.items() if texts and len(json.dumps(texts)) <= _LARGEST}


def read_texts(value: Any) -> StepTexts:
    """Read texts of libraries, each by its digest. Raises `ValueError`, `TypeError`, `FarmError` for others."""
    if not isinstance(value, dict):
        raise TypeError("the steps are none")
    for digest, texts in value.items():
        if Digest.of_json(texts) != Digest(digest):
            raise ValueError(f"the steps {digest:.80} are others than their digest names")
        if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
            raise ValueError("the steps hold something else than texts")
    return {Digest(digest): texts for digest, texts in value.items()}


def _published(digest: Digest, blobs: BlobStore) -> Mapping[str, str] | None:
    try:
        if blobs.size(digest) > _LARGEST:
            return None
        return read_texts({digest: json.loads(blobs.read(digest))})[digest]
    except (FarmError, OSError, ValueError, TypeError, RecursionError):
        return None  # then it is not shown, and that is said
