"""The search path of the dynamic loader: DT_RPATH, DT_RUNPATH, its own directories, and links to other directories."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, NamedTuple

from farm.core.names.root_places import HOMES, MERGED, merged

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from farm.core.package.elf.facts import ElfFacts

    LinkAt = Callable[[str, str], "Place | None"]
    """Returns the target of the link at a directory of the root, or of a package; None if it is no link."""
    Claimants = Callable[[str], Collection[str]]
    """Returns the members that have a directory of the root."""

# `$PLATFORM` depends on the processor: the machine is the least that it can be.
_TOKEN = re.compile(r"\$(?:\{(ORIGIN|LIB|PLATFORM)\}|(ORIGIN|LIB|PLATFORM))")
_ORIGIN = re.compile(r"\$(?:ORIGIN|\{ORIGIN\})")
HWCAPS = "/glibc-hwcaps/"
_VARIANT = re.compile(rf".+{HWCAPS}([^/]+)")
_LOADER = re.compile(r"ld[-.].*so.*")
_LEVELS = {
    "x86_64": ("x86-64-v2", "x86-64-v3", "x86-64-v4"),
    "ppc64le": ("power9", "power10"),
    "s390x": ("z13", "z14", "z15", "z16", "z17"),
}
ALL_LEVELS = tuple(level for known in _LEVELS.values() for level in known)
_ALWAYS = ("", "etc", "usr", *(f"usr/{home}" for home in HOMES))
_MOST_LINKS = 40


class Place(NamedTuple):
    """A directory that the loader searches: of the root (`usr/lib`), or of a package, its `owner` (`lib`)."""

    directory: str
    owner: str = ""


def levels(machine: str) -> tuple[str, ...]:
    """Return the directories of `glibc-hwcaps` that glibc knows for a machine, the one for most processors first."""
    return _LEVELS.get(machine, ())


def level_of(directory: str, machine: str) -> str | None:
    """Return the processor level of libraries in a directory, empty for any; None if glibc does not know it."""
    variant = _VARIANT.fullmatch(directory) if HWCAPS in directory else None
    if variant is None:
        return ""
    return variant[1] if variant[1] in levels(machine) else None


def system_places(name: str, machine: str) -> tuple[Place, ...]:
    """Return the places that the loader searches last, as Debian's C library does, from which a distribution's is made.

    The loader itself is also found where programs name it.
    """
    own = (Place(f"usr/lib/{machine}-linux-gnu"), Place("usr/lib"))
    return (*own, Place("usr/lib64")) if _LOADER.fullmatch(name) else own


def root_directory(path: str) -> str:
    """Return an absolute path, or the path of a declared link, relative to the root; `/lib` is `/usr/lib` there."""
    return merged(posixpath.normpath(path).lstrip("/"))


def package_directory(path: str) -> str:
    """Return the path in the package layout of an absolute directory of the root."""
    return posixpath.normpath(path).lstrip("/").removeprefix("usr/")


def goes_by_origin(facts: ElfFacts) -> bool:
    """Return whether the search path of a file depends on where it is opened."""
    return any("ORIGIN" in entry for entry in (*facts.rpath, *facts.runpath))


def search_places(facts: ElfFacts, origin: Place, owner: str) -> tuple[tuple[Place, ...], tuple[Place, ...]]:
    """Return the places that DT_RUNPATH and DT_RPATH lead to; the second counts only where there is no first.

    `origin` is the directory that the file was opened in, `owner` its package. The kernel follows the link to a
    program, whose origin so is in its package; that of a library is where the loader found it, even through a link.
    """
    runpath = tuple(place for entry in facts.runpath for place in _places(entry, facts, origin, owner))
    rpath = tuple(place for entry in facts.rpath for place in _places(entry, facts, origin, owner))
    return (runpath, ()) if facts.runpath else ((), rpath)


def path_place(name: str, facts: ElfFacts, origin: Place, owner: str) -> Place | None:
    """Return the directory of a library that a file needs by its path; None if the path is relative."""
    return next(_places(posixpath.dirname(name), facts, origin, owner), None)


def has_parent_step(place: Place) -> bool:
    """Return whether a place in the root has a `..` after a directory that may not exist."""
    return not place.owner and place_behind_links(place, lambda *_: None, lambda _: ()) is None


def place_behind_links(place: Place, link_at: LinkAt, claimants: Claimants = lambda _: ("", "")) -> Place | None:
    """Return a place without links and `..` in it; None where the path leads out of a package or to nothing.

    The kernel resolves `..` only in a directory that exists. A directory of one package alone is a single link into
    that package, so that its `..` is in the package.
    """
    owner, followed = place.owner, 0
    done: list[str] = []
    ahead = place.directory.split("/")[::-1]
    while ahead:
        part = ahead.pop()
        if part in {"", "."}:
            continue
        if part == "..":
            here = "/".join(done)
            owners = claimants(here) if not owner and here not in _ALWAYS else ("", "")
            if (owner and not done) or not owners:
                return None
            if len(owners) == 1 and done[0] == "usr":
                (owner,) = owners
                del done[0]
            del done[-1:]
            continue
        done.append(part)
        if not owner and len(done) == 1 and part in MERGED:
            done.insert(0, "usr")
        if found := link_at("/".join(done), owner):
            followed += 1
            if followed > _MOST_LINKS:
                return None
            owner, done = found.owner, []
            ahead += found.directory.split("/")[::-1]
    return Place("/".join(done), owner)


def _places(entry: str, facts: ElfFacts, origin: Place, owner: str) -> Iterator[Place]:
    """Yield where an entry leads: nothing if it is empty or relative, as that is not known."""
    here = "" if origin.owner else f"/{origin.directory}"
    known = {"ORIGIN": here, "LIB": f"lib/{facts.machine}-linux-gnu", "PLATFORM": facts.machine}
    front = _ORIGIN.match(entry)
    rest = _TOKEN.sub(lambda match: known[match[1] or match[2]], entry[front.end() :] if front else entry)
    if front:
        yield _from(origin, owner, rest)
    elif rest.startswith("/"):
        yield Place(rest)


def _from(origin: Place, owner: str, rest: str) -> Place:
    """Return the place at a path below an origin.

    A directory of one package is a single link in the root, unless others have it too; so a `..` in it may lead into
    the package only, and a file that is not there is not found for certain.
    """
    shared = not origin.owner and origin.directory.startswith("usr/") and origin.directory.count("/") > 1
    if shared and ".." in rest.split("/"):
        return Place(f"{origin.directory.removeprefix('usr/')}{rest}", owner)
    return Place(f"{origin.directory}{rest}", origin.owner)
