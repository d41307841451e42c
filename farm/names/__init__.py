"""The smallest words of the farm: digest, version, package name, platform. Pure; imports nothing of farm but errors."""

from farm.names.bounded_json import count_values, load_bounded
from farm.names.canonical_json import NotCanonicalizableError, canonical_json
from farm.names.declared import HostNeeds, Plugin, SensitiveFile
from farm.names.digest import Digest, InvalidDigestError
from farm.names.hardening import HardeningProperty, HardeningWaiver
from farm.names.package_name import InvalidPackageNameError, PackageName
from farm.names.platform import ARCHITECTURES, InvalidPlatformError, Platform
from farm.names.printed_version import FIRST_BUILD, LAST_BUILD, PrintedIdentity, printed_version, without_build
from farm.names.version import InvalidVersionError, Version

__all__ = [
    "ARCHITECTURES",
    "FIRST_BUILD",
    "LAST_BUILD",
    "Digest",
    "HardeningProperty",
    "HardeningWaiver",
    "HostNeeds",
    "InvalidDigestError",
    "InvalidPackageNameError",
    "InvalidPlatformError",
    "InvalidVersionError",
    "NotCanonicalizableError",
    "PackageName",
    "Platform",
    "Plugin",
    "PrintedIdentity",
    "SensitiveFile",
    "Version",
    "canonical_json",
    "count_values",
    "load_bounded",
    "printed_version",
    "without_build",
]
