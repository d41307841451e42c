"""FileSets: manifest and tree digest, canonical archive and its reader, link forest. Pure: touches no files."""

from farm.fileset.archive_limits import ArchiveLimits
from farm.fileset.manifest import (
    Directory,
    Entry,
    File,
    Import,
    InvalidManifestError,
    Link,
    Manifest,
    OverlappingImportError,
)
from farm.fileset.refusal import Refusal

__all__ = [
    "ArchiveLimits",
    "Directory",
    "Entry",
    "File",
    "Import",
    "InvalidManifestError",
    "Link",
    "Manifest",
    "OverlappingImportError",
    "Refusal",
]
