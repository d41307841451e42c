"""Folders in one file."""

from __future__ import annotations

import gzip
import io
import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


_LOCKS = (".publish.lock", ".mirror.lock")
"""Files in repositories that are no part of them."""


def packed(folders: dict[str, Path]) -> bytes:
    """Return folders by name as one compressed archive, the same bytes for the same files."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, folder in folders.items():
            for path in sorted(folder.rglob("*")) if folder.is_dir() else [folder]:
                if path.name in _LOCKS:
                    continue
                inside = f"/{path.relative_to(folder)}" if path != folder else ""
                member = archive.gettarinfo(path, f"{name}{inside}".lstrip("/"))
                member.mtime, member.uid, member.gid, member.uname, member.gname = 0, 0, 0, "", ""
                if member.islnk():
                    member.type = tarfile.REGTYPE
                    member.size = path.stat().st_size
                with path.open("rb") if path.is_file() and not path.is_symlink() else io.BytesIO() as content:
                    archive.addfile(member, content)
    return gzip.compress(written.getvalue(), mtime=0)
