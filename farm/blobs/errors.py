"""What can be wrong with a blob: it is missing, it has rotted, or it is not what was announced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.errors import FarmError

if TYPE_CHECKING:
    from farm.names import Digest


class MissingBlobError(FarmError):
    """The store does not hold the blob `digest`."""

    code = "missing-blob"

    def __init__(self, digest: Digest) -> None:
        super().__init__(f"the store has no blob {digest}", remedy="Fetch it again, or rebuild what made it.")
        self.digest = digest


class CorruptBlobError(FarmError):
    """The bytes that the store holds for `digest` are others: they rotted, or somebody wrote to them."""

    code = "corrupt-blob"

    def __init__(self, digest: Digest, actual: Digest, size: int) -> None:
        super().__init__(
            f"the blob {digest} is corrupt: its {size} bytes have the digest {actual}",
            remedy="Delete it from the store, then fetch it from another copy or rebuild what made it.",
        )
        self.digest = digest
        self.actual = actual


class BlobMismatchError(FarmError):
    """Content that was announced as `expected` turned out to be `actual`; it was not stored."""

    code = "blob-mismatch"

    def __init__(self, expected: Digest, actual: Digest, size: int) -> None:
        super().__init__(f"expected a blob {expected}, got {size} bytes with the digest {actual}")
        self.expected = expected
        self.actual = actual
