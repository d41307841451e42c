"""The errors for signed metadata that is not trusted, and for a signed release that contradicts itself."""

from __future__ import annotations

from farm.errors import FarmError


class UntrustedMetadataError(FarmError):
    """Metadata of a channel is not valid.

    `reason` is expired, signature, rollback, mismatch, delegation, clock, missing or network.
    """

    code = "untrusted-metadata"

    def __init__(self, reason: str, message: str, remedy: str) -> None:
        super().__init__(message, remedy=remedy)
        self.reason = reason


class BrokenReleaseError(FarmError):
    """A signed release contradicts itself: its entry for a package does not match the package."""

    code = "broken-release"

    def __init__(self, message: str) -> None:
        super().__init__(message, remedy="Nothing was changed. Tell the owner of the channel.")
