"""Follows the links inside one package, by its manifest alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.fileset.manifest import File, Link

if TYPE_CHECKING:
    from farm.core.fileset.manifest import Manifest

_MOST_LINKS = 40  # MAXSYMLINKS of Linux


def resolve(manifest: Manifest, path: str) -> File | None:
    """Return the regular file that `path` leads to inside the package; None for a directory, a loop or nothing."""
    found = manifest.by_path.get(real_path(manifest, path) or "")
    return found if isinstance(found, File) else None


def real_path(manifest: Manifest, path: str) -> str | None:
    """Return a path with all links resolved, empty for the package itself; None where it leads to nothing."""
    followed = 0
    done: list[str] = []
    ahead = path.split("/")[::-1]
    entry = None
    while ahead:
        component = ahead.pop()
        if component == "..":
            if not done:
                return None
            done.pop()
            continue
        if component in {"", "."}:
            continue
        entry = manifest.by_path.get("/".join([*done, component]))
        if isinstance(entry, Link):
            followed += 1
            if followed > _MOST_LINKS:
                return None
            ahead += entry.target.split("/")[::-1]
        elif entry is None:
            return None
        else:
            done.append(component)
    return "/".join(done)
