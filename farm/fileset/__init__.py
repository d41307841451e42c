"""FileSets: manifest and tree digest, canonical archive and its reader, link forest. Pure: touches no files."""

from farm.fileset.archive import ArchiveWriter
from farm.fileset.archive_limits import ArchiveLimits
from farm.fileset.archive_reader import STORE_ROOT, InvalidArchiveError, read_archive
from farm.fileset.archive_sink import ArchiveSink, FileSink, NoSink
from farm.fileset.forest import (
    BASE,
    BaseTree,
    Claim,
    Conflict,
    Forest,
    ForestConflictError,
    ForestPackage,
    InvalidExtraLinkError,
    build_forest,
)
from farm.fileset.imports import expand
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
    "BASE",
    "STORE_ROOT",
    "ArchiveLimits",
    "ArchiveSink",
    "ArchiveWriter",
    "BaseTree",
    "Claim",
    "Conflict",
    "Directory",
    "Entry",
    "File",
    "FileSink",
    "Forest",
    "ForestConflictError",
    "ForestPackage",
    "Import",
    "InvalidArchiveError",
    "InvalidExtraLinkError",
    "InvalidManifestError",
    "Link",
    "Manifest",
    "NoSink",
    "OverlappingImportError",
    "Refusal",
    "build_forest",
    "expand",
    "read_archive",
]
