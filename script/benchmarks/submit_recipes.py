"""Row 15: recipes that need each other, submitted in one request, and what others wait for the database meanwhile.

The farm has an SQLite database, and takes the request as web does, without HTTP. Each recipe needs up to three of the
others to be built, and one at run time. The floor reads the same recipes and makes their graph, in memory. Meanwhile
another process writes a row every five milliseconds, as heartbeats of workers do.
"""

from __future__ import annotations

import multiprocessing
import shutil
import statistics
import time
from contextlib import closing
from typing import TYPE_CHECKING

from farm.build.recipe_directory import read_recipe_directory
from farm.core.fileset.manifest import Manifest
from farm.core.plan.graph import BuildGraph
from farm.core.plan.job import BlobRef
from farm.core.policy.tree import load_tree
from farm.core.recipe.declared_sources import RECIPE_FILE
from farm.core.recipe.load import load_recipe
from farm.server.application import CHANGING, FarmSettings, open_application
from farm.server.submissions.submission import submit
from farm.server.tables.release_rows import ChannelRow
from farm.server.tables.session import Database
from farm.server.transaction.planning_inputs import ToolchainRef
from farm.store.blobs import BlobStore
from script.benchmarks.measurement import interleave
from script.benchmarks.stored_farm import write_settings
from script.benchmarks.submitted_leaf import measure_leaf
from script.benchmarks.synthetic_recipes import interdependent
from script.benchmarks.table import Goal, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from multiprocessing.connection import Connection
    from pathlib import Path

    from farm.core.recipe.recipe import Recipe
    from farm.server.transaction.unit_of_work import Application
    from script.benchmarks.ground import Ground

NUMBER = 15
TITLE = "recipes that need each other, in one submission"
SIZES = (500, 2_000)
_FARM, _FLOOR = "the farm takes them", "they are read, and their graph is made"
_PAUSE = 0.005
_WHY = "each recipe is stored in three files and eleven rows, and the graph of what is stored is read again"


def measure(ground: Ground, rounds: int, sizes: Sequence[int] = SIZES) -> Iterator[Table]:
    """Submit so many recipes to an empty farm, and read them."""
    for size in sizes:
        ground.say(f"submitting {size:,} recipes")
        bench = _Bench(ground, interdependent(size))
        contenders = {_FARM: bench.submit, _FLOOR: bench.read}
        measured = interleave(contenders, rounds, before=bench.begin, after=bench.end)
        waits = sorted(bench.waits)
        note = (
            f"Of {len(waits):,} transactions of another process that write one row, half took less than "
            f"{statistics.median(waits) * 1000:.1f} ms, and 99 % less than {waits[len(waits) * 99 // 100] * 1000:.0f} "
            f"ms; the longest took {waits[-1] * 1000:.0f} ms."
        )
        goals = (Goal(_FARM, _FLOOR, 4.0, why=_WHY),)
        title = f"{NUMBER}. {size:,} {TITLE}"
        yield Table(title, _FLOOR, tuple(measured), goals, note, processor=True)
    with closing(_Farms(ground)) as farms:
        yield measure_leaf(ground, rounds, farms.make, NUMBER)


class _Farms:
    """Makes farms without recipes, each in a directory of its own."""

    def __init__(self, ground: Ground) -> None:
        self._ground, self._place = ground, ground.settings.recipes
        self._tree = read_recipe_directory(self._place, leave_out=CHANGING)
        self.steps = load_tree(self._tree).steps
        self._open: list[tuple[Path, Application]] = []

    def make(self, name: str) -> Application:
        """Return a new farm."""
        directory = self._ground.directory / name
        directory.mkdir()
        settings = FarmSettings.read(write_settings(directory, self._place, _toolchain(directory)))
        application = open_application(settings, self._tree)
        self._open.append((directory, application))
        return application

    def close(self) -> None:
        """Remove them."""
        for directory, application in self._open:
            application.database.close()
            shutil.rmtree(directory)
        self._open.clear()


class _Bench:
    def __init__(self, ground: Ground, recipes: Mapping[str, Mapping[str, bytes]]) -> None:
        self._recipes = recipes
        self._farms = _Farms(ground)
        self._application: Application | None = None
        self._other: _OtherWriter | None = None
        self.waits: list[float] = []

    def begin(self, contender: str) -> None:
        """Make an empty farm for a submission, and let another process write into its database."""
        if contender == _FARM:
            self._application = self._farms.make("submitted")
            self._other = _OtherWriter(self._application.database.url)

    def submit(self) -> None:
        """Submit all recipes."""
        assert self._application is not None  # noqa: S101  `begin` has opened it
        submit(self._application, self._recipes, submitted_by="bench", trace="trace")

    def read(self) -> None:
        """Read all recipes, and make their graph."""
        BuildGraph.of({name: self._read(name, files[RECIPE_FILE]) for name, files in self._recipes.items()})

    def _read(self, name: str, content: bytes) -> Recipe:
        return load_recipe(content, file=name, steps=self._farms.steps, patches={})

    def end(self) -> None:
        """Stop the other process, and remove the farm."""
        if self._other is not None and self._application is not None:
            self.waits += self._other.stop()
            self._application = self._other = None
            self._farms.close()


class _OtherWriter:
    """A process that writes one row of the database after the other, until it is stopped."""

    def __init__(self, url: str) -> None:
        self._here, there = multiprocessing.Pipe()
        # Not forked: a connection of SQLite must not be.
        self._process = multiprocessing.get_context("spawn").Process(target=_write_rows, args=(url, there))
        self._process.start()
        self._here.recv()

    def stop(self) -> list[float]:
        """Return how many seconds each of its transactions took."""
        self._here.send("stop")
        waits: list[float] = self._here.recv()
        self._process.join()
        return waits


def _write_rows(url: str, there: Connection) -> None:
    waits: list[float] = []
    with closing(Database(url)) as database:
        there.send("ready")
        while not there.poll(_PAUSE):
            begun = time.perf_counter()
            with database.write() as session:
                session.add(ChannelRow(name=f"channel-{len(waits)}", policy="{}"))
            waits.append(time.perf_counter() - begun)
    there.send(waits)


def _toolchain(directory: Path) -> ToolchainRef:
    """Store a toolchain that has no files, and return it."""
    store = BlobStore(directory / "blobs")
    content = Manifest.of([]).to_json()
    blob = BlobRef(store.put_bytes(content), len(content))
    return ToolchainRef("c", blob.digest, blob, blob, {})
