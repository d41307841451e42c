"""Atomic writing of files: readers see the complete old or new content, also after a power cut."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def replace_file(path: Path, content: bytes, *, durable: bool = True, mode: int = 0o644) -> None:
    """Replace a file atomically: at every instant its complete old or new content exists, also after a power cut.

    A file that can be made again at any time need not be `durable`: a power cut may leave it empty. Other users cannot
    write to it, nor to directories that are made for it, whatever the umask: many of these files are trusted as they
    are. `mode` is that of the new file, 0600 for a secret.
    """
    _make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(temporary, "wb", opener=lambda name, flags: os.open(name, flags | os.O_EXCL, mode)) as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    if durable:
        sync_folder(path.parent)


def _make_folder(folder: Path) -> None:
    for missing in [path for path in (folder, *folder.parents) if not path.exists()][::-1]:
        missing.mkdir(mode=0o755, exist_ok=True)


def sync_folder(folder: Path) -> None:
    """Make the names in a directory survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
