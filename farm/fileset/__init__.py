"""FileSets: manifest and tree digest, canonical archive and its reader, link forest. Pure: touches no files."""

from farm.fileset.archive import ArchiveWriter
from farm.fileset.archive_limits import ArchiveLimits
from farm.fileset.archive_reader import STORE_ROOT, InvalidArchiveError, read_archive
from farm.fileset.archive_sink import ArchiveSink, FileSink, NoSink
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
    "STORE_ROOT",
    "ArchiveLimits",
    "ArchiveSink",
    "ArchiveWriter",
    "Directory",
    "Entry",
    "File",
    "FileSink",
    "Import",
    "InvalidArchiveError",
    "InvalidManifestError",
    "Link",
    "Manifest",
    "NoSink",
    "OverlappingImportError",
    "Refusal",
    "read_archive",
]
