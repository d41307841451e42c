"""What is said of a signed release that contradicts itself."""

from __future__ import annotations

from farm.errors import FarmError


class BrokenReleaseError(FarmError):
    """A signed release contradicts itself: what it says of a package is not what the package says."""

    code = "broken-release"

    def __init__(self, message: str) -> None:
        super().__init__(message, remedy="Nothing was changed. Tell the owner of the channel.")
