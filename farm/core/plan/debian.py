"""A binary package of Debian that files were taken from: documents must state that it was not built here.

Its form is apt's, `libc6:amd64=2.41-12+deb13u5`; without a recorded version, only its name is known.
"""

from __future__ import annotations

from dataclasses import dataclass

from packageurl import PackageURL

SUPPLIER = "Organization: Debian"
"""The name of its maker in SPDX documents."""


@dataclass(frozen=True, slots=True)
class DebianBinary:
    """A binary package; the version is empty where it was not recorded."""

    name: str
    architecture: str = ""
    version: str = ""

    @classmethod
    def parse(cls, text: str) -> DebianBinary:
        """Read the result of `str`."""
        called, _, version = text.partition("=")
        name, _, architecture = called.partition(":")
        return cls(name, architecture, version)

    def __str__(self) -> str:
        called = f"{self.name}:{self.architecture}" if self.architecture else self.name
        return f"{called}={self.version}" if self.version else called

    @property
    def label(self) -> str:
        """The package in words: `libc6 2.41-12+deb13u5 (amd64)`."""
        version = f" {self.version}" if self.version else ""
        return f"{self.name}{version}{f' ({self.architecture})' if self.architecture else ''}"

    @property
    def purl(self) -> str:
        """Its package URL, in the form of Debian's scanners; without a version where that is not known."""
        qualifiers = {"arch": self.architecture} if self.architecture else None
        return PackageURL("deb", "debian", self.name, self.version or None, qualifiers).to_string()
