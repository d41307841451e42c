"""The toolchains of one tree on this host: each is made when it is first needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.build.toolchain.apt import Apt
from farm.build.toolchain.apt_sources import NoSignedSourceError
from farm.build.toolchain.toolchain import ensure_toolchain_within_suite, made_toolchain, unreported
from farm.core.buildlog.providers import has_any, paths_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from farm.build.toolchain.toolchain import Making, Toolchain
    from farm.core.buildlog.error_kind import ErrorKind
    from farm.core.names.digest import Digest
    from farm.core.policy.tree import RecipeTree
    from farm.store.blobs import BlobStore


class TreeToolchains:
    """The toolchains of a tree. `cache` is the host's directory of unpacked ones; `say` gets notes."""

    def __init__(
        self,
        tree: RecipeTree,
        store: BlobStore,
        cache: Path,
        say: Callable[[str], None],
        making: Making = unreported,
    ) -> None:
        self._tree = tree
        self._store = store
        self._cache = cache
        self._say = say
        self._making = making
        self._made: dict[str, Toolchain] = {}

    def ensure(self, name: str) -> Toolchain:
        """Return a toolchain by its name, made if it is missing. Raises as `ensure_toolchain_within_suite`."""
        if name not in self._made:
            self._made[name] = ensure_toolchain_within_suite(
                self._tree.toolchains[name],
                self._tree.lock_of(name),
                self._store,
                self._cache,
                say=self._say,
                making=self._making,
            )
        return self._made[name]

    def is_made(self, name: str) -> bool:
        """Return whether this host has a toolchain, so that `ensure` only looks it up."""
        return self._made_here(name) is not None

    def with_missing(self, kind: ErrorKind, subject: str, *, besides: str) -> str:
        """Return a toolchain of this host that has what a build with the toolchain `besides` has missed; or nothing."""
        paths = set(paths_of(kind, subject))
        for name in sorted(self._tree.toolchains) if paths else ():
            made = self._made_here(name) if name != besides else None
            if made and has_any((entry.path for entry in made.manifest.entries), paths):
                return name
        return ""

    def _made_here(self, name: str) -> Toolchain | None:
        return made_toolchain(self._tree.toolchains[name], self._tree.lock_of(name), self._store, self._cache)

    def of_tree(self, tree: Digest) -> Toolchain:
        """Return one of those that were made, by its tree digest."""
        return next(toolchain for toolchain in self._made.values() if toolchain.tree == tree)

    def runtime_of(self, recipes: Iterable[str]) -> tuple[str, ...]:
        """Return the packages that programs of these recipes need to run outside a build, as their toolchains say."""
        names = {self._tree.recipes[recipe].toolchain for recipe in recipes}
        return tuple(sorted({package for name in names for package in self._tree.toolchains[name].runtime}))

    def apt(self) -> Apt | None:
        """Return apt over this machine's signed sources of the toolchains' suite; None if it has none."""
        suite = next((toolchain.suite for toolchain in self._tree.toolchains.values()), "")
        try:
            return Apt.of_machine(self._cache / "apt", suite)
        except NoSignedSourceError:
            return None
