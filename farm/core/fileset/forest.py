"""The link forest: the links under `/usr` and `/etc` through which the packages of a set are used.

The forest is computed, not scripted, and independent of the order of the packages: two that claim one path are a
conflict, reported with both names, unless one of them declares that it replaces the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from farm.core.fileset import rules
from farm.core.fileset.archive_reader import STORE_ROOT
from farm.core.fileset.manifest import Directory, Link, Manifest
from farm.core.names.root_places import HOMES, in_root, merged
from farm.errors import FarmError, in_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from farm.core.fileset.manifest import Entry

_Party = TypeVar("_Party")

BASE = "the base"
"""The name in conflicts of the toolchain or image beneath a forest."""

_COMMANDS = ("usr/bin/", "usr/sbin/")
_FOLDED_DEPTH = 2  # slashes: usr/share/terminfo may be one link, usr/share may not


@dataclass(frozen=True, slots=True)
class Claim:
    """One package's claim to one link: `link` relative to the root, `target` absolute, `owner` a store directory."""

    link: str
    target: str
    owner: str


@dataclass(frozen=True, slots=True)
class ForestPackage:
    """What the forest needs to know about a package.

    `owner` is its directory under `/packages`, `name` its short name. `extra_links` are (link, path in the package).
    `replaces` holds short names of packages whose claims yield to this one's; `wins_over_base` the links of commands
    (`usr/bin/xz`) that stay even where the base has the command. `label` is its name for people, unique in its set; its
    directory where it is empty.
    """

    owner: str
    name: str
    manifest: Manifest
    extra_links: tuple[tuple[str, str], ...] = ()
    replaces: frozenset[str] = frozenset()
    wins_over_base: frozenset[str] = frozenset()
    label: str = ""

    def __str__(self) -> str:
        return self.label or self.owner


@dataclass(frozen=True, slots=True)
class BaseTree:
    """The tree that a forest is laid over: its directories, and the paths of everything else."""

    directories: frozenset[str]
    paths: frozenset[str]

    @classmethod
    def of(cls, manifest: Manifest) -> BaseTree:
        """Take the paths from the base's manifest."""
        directories = frozenset(entry.path for entry in manifest.entries if isinstance(entry, Directory))
        return cls(directories, frozenset(entry.path for entry in manifest.entries) - directories)


@dataclass(frozen=True, slots=True)
class Conflict:
    """One path that several parties claim; `owners` are the packages' labels, or `BASE`."""

    path: str
    owners: tuple[str, ...]

    def __str__(self) -> str:
        return f"/{self.path}: {' and '.join(self.owners)}"


class ForestConflictError(FarmError):
    """Packages claim the same paths; `conflicts` lists every one of them, by path."""

    code = "forest-conflict"

    def __init__(self, conflicts: tuple[Conflict, ...]) -> None:
        count = "one path is" if len(conflicts) == 1 else f"{len(conflicts)} paths are"
        super().__init__(
            f"{count} claimed more than once:{in_lines(conflicts, 20)}",
            remedy="Leave one of the packages out, or let its recipe say `replaces:` with the name of the other.",
        )
        self.conflicts = conflicts


@dataclass(frozen=True, slots=True)
class Forest:
    """Directories and links, sorted by path, relative to the root; targets are absolute."""

    directories: tuple[str, ...]
    links: tuple[tuple[str, str], ...]

    def entries(self) -> Iterator[Entry]:
        """Yield the directories and links as entries of a tree."""
        yield from (Directory(path) for path in self.directories)
        yield from (Link(link, target) for link, target in self.links)

    def manifest(self) -> Manifest:
        """Return the forest as a tree, whose digest identifies it."""
        return Manifest.of(self.entries(), absolute_links=True)


def build_forest(packages: Sequence[ForestPackage], base: BaseTree | None = None) -> Forest:
    """Compute the links of a set of packages, over a base where there is one.

    A package's `bin sbin lib libexec include share` are linked under `/usr`, its `etc` under `/etc`; anything else at
    its top is reached only by its store path. A directory of one package, at least one level below those, becomes a
    single link where the base does not have that directory. Over a base, a package's command that the base has too is
    left out (unless it is in `wins_over_base`); its other files come before the base's. Raises `ForestConflictError`.
    """
    ground = _Ground(base or BaseTree(frozenset(), frozenset()))
    for package in packages:
        ground.add_directories(package)
    ground.fold()
    for package in packages:
        ground.add_claims(package)
    return ground.grow()


def prevailing(parties: Sequence[_Party], replaces: Callable[[_Party, _Party], bool]) -> _Party | None:
    """Return the only party that replaces all the others and is replaced by none of them; None where there is none.

    This is the only rule for what several packages claim, a path or a capability.
    """
    for one in parties:
        others = [other for other in parties if other is not one]
        if all(replaces(one, other) and not replaces(other, one) for other in others):
            return one
    return None


class _Ground:
    """The claims of the packages: the packages of each directory, then claims by path where directories are shared.

    No other package can claim anything in a folded directory, so most files of a set are never examined one by one.
    """

    def __init__(self, base: BaseTree) -> None:
        self._base = base
        self._claims: dict[str, list[Claim]] = {}
        self._directories: dict[str, set[str]] = {}
        # Directories that cannot be folded, because an extra link is in them.
        self._rigid: set[str] = set()
        self._folded: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._labels: dict[str, str] = {}
        self._replaces: dict[str, frozenset[str]] = {}

    def add_directories(self, package: ForestPackage) -> None:
        owner = package.owner
        self._names[owner] = package.name
        self._labels[owner] = str(package)
        self._replaces[owner] = self._replaces.get(owner, frozenset()) | package.replaces
        for entry in package.manifest.entries:
            if entry.path in HOMES:
                self._directories.setdefault("usr", set()).add(owner)
            if isinstance(entry, Directory) and (link := in_root(entry.path)):
                self._directories.setdefault(link, set()).add(owner)
        for link, path in package.extra_links:
            self._claim(package, self._extra(package, link, path), path)

    def fold(self) -> None:
        """Find the directories that become one link, once all directories are known."""
        for path in self._directories:
            if owner := self._only_owner(path):
                self._folded[path] = f"/{STORE_ROOT}/{owner}/{path.removeprefix('usr/')}"

    def add_claims(self, package: ForestPackage) -> None:
        for entry in package.manifest.entries:
            if isinstance(entry, Directory):
                continue
            link = in_root(entry.path)
            if link and rules.parent(link) not in self._folded:
                self._claim(package, link, entry.path)

    def grow(self) -> Forest:
        links, conflicts = {}, []
        for path, claims in self._claims.items():
            parties = {claim.owner for claim in claims} | self._directories.get(path, set())
            winner = None if path in self._directories else prevailing(claims, self._beats)
            if path in self._base.directories:
                conflicts.append(Conflict(path, (*self._labels_of(parties), BASE)))
            elif winner is None:
                conflicts.append(Conflict(path, self._labels_of(parties)))
            else:
                links[path] = winner.target
        for path, owners in self._directories.items():
            if path in self._base.paths:
                conflicts.append(Conflict(path, (*self._labels_of(owners), BASE)))
        if conflicts:
            raise ForestConflictError(tuple(sorted(conflicts, key=lambda conflict: conflict.path)))
        links |= {path: target for path, target in self._folded.items() if rules.parent(path) not in self._folded}
        directories = sorted(self._directories.keys() - self._folded.keys())
        return Forest(tuple(directories), tuple(sorted(links.items())))

    def _labels_of(self, owners: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted(self._labels[owner] for owner in owners))

    def _claim(self, package: ForestPackage, link: str, path: str) -> None:
        if link in self._base.paths and link.startswith(_COMMANDS) and link not in package.wins_over_base:
            return
        claim = Claim(link, f"/{STORE_ROOT}/{package.owner}/{path}", package.owner)
        claims = self._claims.setdefault(link, [])
        if claim not in claims:
            claims.append(claim)

    def _extra(self, package: ForestPackage, link: str, path: str) -> str:
        """Check an extra link, and return its place: `/bin` and the like are links to `/usr/bin` everywhere."""
        place = merged(link)
        if rules.path_fault(link) or "/" not in link or not place.startswith(("usr/", "etc/")):
            raise _invalid_link(package, link, "a link must be below /usr or /etc")
        if path not in package.manifest.by_path:
            raise _invalid_link(package, link, f"the package has no {path!r}")
        for above in rules.parents(place):
            self._directories.setdefault(above, set()).add(package.owner)
            self._rigid.add(above)
        return place

    def _beats(self, one: Claim, other: Claim) -> bool:
        return self._names[other.owner] in self._replaces[one.owner]

    def _only_owner(self, path: str) -> str | None:
        """Return the only package with this directory, if a link to that directory can replace it."""
        owners = self._directories[path]
        below_top = path.startswith("usr/") and path.count("/") >= _FOLDED_DEPTH
        if len(owners) != 1 or not below_top or path in self._rigid or path in self._base.directories:
            return None
        return next(iter(owners))


def _invalid_link(package: ForestPackage, link: str, why: str) -> FarmError:
    message = f"{package} has an invalid extra link {link[:300]!r}: {why}"
    return FarmError(message, remedy="Correct the entry under `links:` in the recipe.", code="invalid-extra-link")
