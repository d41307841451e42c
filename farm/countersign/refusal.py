"""The one error of a release that does not hold what it must."""

from __future__ import annotations

from farm.errors import FarmError


class RefusedReleaseError(FarmError):
    """A release does not hold what it must: the signer does not sign it."""

    code = "refused-release"
