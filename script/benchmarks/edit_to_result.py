"""Row 18: from a changed line of C to a package whose tests have passed, beside rattler-build on the same software.

An edit is another number in a patch beside the recipe, so that each one is new to both. `farm test` is a whole process:
it reads the tree of recipes, builds in a hermetic container, checks and packs the files, and runs each test in a
container of exactly what it needs. rattler-build runs its script directly on the system, here in a mount namespace with
the same compiler.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from farm.build.toolchain.toolchain import restore_toolchain
from farm.cli.local_builds import prepare_toolchains
from farm.cli.recipes_option import read_tree
from farm.container.mounts import unmount_below
from farm.container.sandbox import connect
from farm.core.names.platform import Platform
from farm.store.blobs import BlobStore
from script.benchmarks.container_processor import ContainerProcessor
from script.benchmarks.edited_leaf import LEAVES, PATCH, TOOLCHAIN, Leaf
from script.benchmarks.measurement import interleave
from script.benchmarks.rattler_peer import RattlerBuild
from script.benchmarks.table import Goal, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from farm.build.toolchain.toolchain import Toolchain
    from farm.core.recipe.recipe import Recipe
    from script.benchmarks.ground import Ground

NUMBER = 18
TITLE = "from a changed line to a tested package"
_FARM, _PEER = "farm test", "rattler-build, with tests"
_PLATFORM = Platform("linux", "amd64")
_WHY = (
    "the compiler alone takes nearly all of the peer's time. Of the farm's, a third is its own process: half of "
    "that is loading code, the rest reads all recipes, and digests and examines what was built"
)


def measure(ground: Ground, rounds: int, leaves: Sequence[Leaf] = LEAVES) -> Iterator[Table]:
    """Time an edit of each leaf."""
    bench = _Bench(ground)
    try:
        for leaf in leaves:
            ground.say(f"building {leaf.name} and what it needs, with both")
            yield bench.table(leaf, rounds)
    finally:
        unmount_below(ground.directory / "state")


class _Bench:
    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._recipes = ground.directory / "recipes"
        self._state, self._host = ground.directory / "state", ground.directory / "host"
        self._tree = read_tree(None)
        self._store = BlobStore(self._host / "blobs")
        self._edits = 0
        # What the leaves need at run time is made with the other one.
        self._own_toolchain("c")
        self._toolchain = self._own_toolchain(TOOLCHAIN)
        shutil.copytree(ground.settings.recipes, self._recipes)

    @cached_property
    def _peer(self) -> RattlerBuild:
        return RattlerBuild(self._ground.directory / "rattler", self._toolchain.root)

    def _own_toolchain(self, name: str) -> Toolchain:
        """Return a copy of a toolchain of this host in a host directory of the workload's own.

        Links would not do: a store takes no linked blobs, and then makes the toolchain anew, where the links lead.
        """
        settings = self._ground.settings
        made = prepare_toolchains(self._tree, settings, (name,))[0]
        debs = made.debs.values()  # what the C library is packaged from
        for digest in (made.tree, made.archive.digest, *debs):
            self._store.share(BlobStore(settings.host / "blobs"), digest)
        cache = self._host / "toolchains"
        toolchain = restore_toolchain(name, made.tree, made.archive, self._store, cache)
        for record in (settings.host / "toolchains").glob(f"{name}-*.json"):
            shutil.copyfile(record, cache / record.name)
        return toolchain

    def table(self, leaf: Leaf, rounds: int) -> Table:
        self._prepare(leaf)
        contenders = {_FARM: lambda: self._farm("test", leaf.name), _PEER: lambda: self._peer.build(leaf.name)}
        with ContainerProcessor.watching(connect(self._ground.settings.docker), self._state) as containers:
            measured = interleave(
                contenders,
                rounds,
                before=lambda name: self._edit(leaf, name),
                elsewhere=lambda: containers.seconds + self._peer.processor,
            )
        note = (
            f"By pairs, farm takes {_spread(measured[0].figures, measured[1].figures)} of rattler-build's time, and "
            f"{_spread(measured[0].processor, measured[1].processor)} of its processor time."
        )
        goals = (Goal(_FARM, _PEER, 1.0, why=_WHY),)
        return Table(
            f"{NUMBER}. {TITLE[0].upper()}{TITLE[1:]}: {leaf.name}", _PEER, tuple(measured), goals, note, processor=True
        )

    def _prepare(self, leaf: Leaf) -> None:
        """Build what the leaf needs, and the leaf once, so that all sources are here."""
        self._write_recipe(leaf, patch="")
        self._farm("build", "--fetch-only", leaf.name)
        self._write_farm(leaf)
        self._farm("test", leaf.name)

    def _edit(self, leaf: Leaf, contender: str) -> None:
        self._edits += 1
        if contender == _FARM:
            self._write_farm(leaf)
        else:
            recipe = self._tree.recipes[leaf.name]
            text = leaf.rattler_recipe(recipe, self._source(recipe), self._edits, platform=_PLATFORM, jobs=_jobs())
            patch = leaf.patch(self._archive(leaf), self._edits)
            self._peer.write_recipe(leaf.name, {"recipe.yaml": text, PATCH: patch})

    def _write_farm(self, leaf: Leaf) -> None:
        """Write the farm's recipe with the newest edit."""
        self._write_recipe(leaf, patch=leaf.patch(self._archive(leaf), self._edits))

    def _write_recipe(self, leaf: Leaf, *, patch: str) -> None:
        recipe = (self._ground.settings.recipes / "packages" / leaf.name / "recipe.yaml").read_text()
        place = self._recipes / "packages" / leaf.name
        (place / "recipe.yaml").write_text(leaf.farm_recipe(recipe, self._edits))
        (place / PATCH).write_text(patch)

    def _archive(self, leaf: Leaf) -> Path:
        """Return the archive of a leaf, as the farm has fetched it."""
        (source, *_) = self._tree.recipes[leaf.name].sources
        assert source.digest is not None  # noqa: S101  # it is fetched
        return self._store.path(source.digest)

    def _source(self, recipe: Recipe) -> str:
        """Return the path of a recipe's archive for rattler-build."""
        (source, *_) = recipe.sources
        assert source.digest is not None  # noqa: S101  # it is fetched
        return self._peer.add_source(source.file, self._store.read(source.digest))

    def _farm(self, *arguments: str) -> None:
        places = {"FARM_STATE": self._state, "FARM_HOST": self._host, "FARM_RECIPES": self._recipes}
        command = [str(Path(sys.executable).parent / "farm"), *arguments]
        variables = {name: str(place) for name, place in places.items()}
        done = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"farm {' '.join(arguments)}: {done.stdout}{done.stderr}")


def _jobs() -> int:
    return os.cpu_count() or 1


def _spread(figures: Sequence[float], peer: Sequence[float]) -> str:
    ratios = [one / other for one, other in zip(figures, peer, strict=True)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
