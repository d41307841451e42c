"""Errors of blobs, of trees on disk that are captured, and of trees that are unpacked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.errors import FarmError, in_lines

if TYPE_CHECKING:
    from pathlib import Path

    from farm.core.names.digest import Digest


class MissingBlobError(FarmError):
    """The store does not have the blob `digest`."""

    code = "missing-blob"

    def __init__(self, digest: Digest) -> None:
        super().__init__(f"the store has no blob {digest}", remedy="Fetch it again, or rebuild what made it.")
        self.digest = digest
        self.lost_blobs = (digest,)


class CorruptBlobError(FarmError):
    """The stored bytes for `digest` have another digest: the disk damaged them, or a user wrote to them."""

    code = "corrupt-blob"

    def __init__(self, digest: Digest, actual: Digest, size: int, path: Path) -> None:
        super().__init__(
            f"the blob {digest} is corrupt: its {size} bytes have the digest {actual}",
            remedy=f"Delete {path} and repeat: what is missing is fetched or built again.",
        )
        self.digest = digest
        self.actual = actual
        self.lost_blobs = (digest,)


class BlobMismatchError(FarmError):
    """Content that was expected as `expected` is `actual`; it was not stored."""

    code = "blob-mismatch"

    def __init__(self, expected: Digest, actual: Digest, size: int) -> None:
        super().__init__(f"expected a blob {expected}, got {size} bytes with the digest {actual}")
        self.expected = expected
        self.actual = actual


@dataclass(frozen=True, slots=True)
class TreeProblem:
    """A path of a tree on disk that no FileSet can hold: `reason` is a stable name, `explanation` ends a sentence."""

    path: str
    reason: str
    explanation: str

    def __str__(self) -> str:
        return f"{self.path[:300]!r}: {self.explanation}"


class UnfitTreeError(FarmError):
    """A tree on disk that no FileSet can hold; `problems` are all problems up to the first exceeded limit."""

    code = "unfit-tree"
    _SHOWN = 20

    def __init__(
        self,
        problems: tuple[TreeProblem, ...],
        *,
        what: str = "the tree cannot be captured",
        remedy: str = "Let the build install only files, directories and links that stay inside, within the limits.",
    ) -> None:
        super().__init__(f"{what}:{in_lines(problems, self._SHOWN)}", remedy=remedy)
        self.problems = problems


class TreeChangedError(FarmError):
    """A file or directory was replaced, or changed its size or content, while the tree was being read."""

    code = "tree-changed"

    def __init__(self, path: str, what: str) -> None:
        super().__init__(
            f"{path[:300]!r} changed while it was read: {what}", remedy="Stop whatever writes to the tree, then repeat."
        )
        self.path = path


class UndecodableArchiveError(FarmError):
    """The zstd stream around an archive is malformed, ends early, or needs more memory than allowed."""

    code = "undecodable-archive"

    def __init__(self, why: str) -> None:
        super().__init__(f"the compressed archive cannot be read: {why}", remedy="Fetch it again from another place.")
