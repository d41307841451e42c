"""What is said of metadata that is not believed."""

from __future__ import annotations

from farm.errors import FarmError


class UntrustedMetadataError(FarmError):
    """Metadata of a channel does not hold.

    `reason` is expired, signature, rollback, mismatch, delegation, clock, missing or network.
    """

    code = "untrusted-metadata"

    def __init__(self, reason: str, message: str, remedy: str) -> None:
        super().__init__(message, remedy=remedy)
        self.reason = reason
