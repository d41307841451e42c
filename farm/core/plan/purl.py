"""Package URLs: the names of packages that scanners and SBOMs share (https://github.com/package-url).

The type is `generic`, because no other type fits a farm; the namespace is the distribution, so that packages of two
distributions never have the same URL. `farm.core.plan.debian` has the URLs of Debian's packages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from packageurl import PackageURL

if TYPE_CHECKING:
    from farm.core.names.digest import Digest

_TYPE = "generic"


def package_purl(distribution: str, name: str, version: str = "") -> str:
    """Return the purl of a package; the version includes the revision (`1.7.1-1`), empty where it is not known."""
    return PackageURL(_TYPE, distribution, name, version or None).to_string()


def source_purl(file: str, digest: Digest, url: str) -> str:
    """Return the purl of a source that was fetched from an address."""
    return PackageURL(_TYPE, None, file, None, {"checksum": str(digest), "download_url": url}).to_string()


def purl_reference(purl: str) -> dict[str, str]:
    """Return the reference from an element of an SPDX document to its purl (SPDX 2.3, annex F)."""
    return {"referenceCategory": "PACKAGE-MANAGER", "referenceLocator": purl, "referenceType": "purl"}
