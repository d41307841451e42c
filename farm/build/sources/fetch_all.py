"""Fetches the sources of several recipes before anything is built, in parallel, and reports all failures together."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from farm.build.sources.archives.archive_format import SNIFFED, check_format
from farm.build.sources.archives.members import UnreadableArchiveError
from farm.core.files.problems import RecipeError
from farm.core.recipe.declared_sources import recipe_file
from farm.core.recipe.source_places import source_problem
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from farm.build.sources.fetch import SourceFetcher
    from farm.core.files.problems import Problem
    from farm.core.names.digest import Digest
    from farm.core.recipe.recipe import Recipe, Source
    from farm.store.blobs import BlobStore

PARALLEL = 4
"""How many sources are fetched at a time."""


@dataclass(frozen=True, slots=True)
class FetchProgress:
    """How many files of `total` are there, and how many bytes have arrived in all.

    `event` is what has just happened to `file`, named with its recipe, unless only bytes have arrived.
    """

    files: int
    total: int
    size: int
    file: str = ""
    event: Literal["", "begun", "fetched", "failed"] = ""


class SourcesNotFetchedError(RecipeError):
    """Sources of recipes could not be fetched; `problems` are all of them."""

    code = "sources-not-fetched"


@dataclass(frozen=True, slots=True)
class MissingSource:
    """A source to fetch, the first recipe that names it, and its number in that recipe, from 0."""

    digest: Digest
    source: Source
    recipe: str
    number: int


def missing_sources(recipes: Iterable[Recipe], store: BlobStore) -> list[MissingSource]:
    """Return the sources of recipes that the store lacks."""
    found: dict[tuple[Digest, str], MissingSource] = {}
    for recipe in recipes:
        for number, source in enumerate(recipe.sources):
            if source.url and source.digest and not store.has(source.digest):
                missing = MissingSource(source.digest, source, recipe.name, number)
                found.setdefault((source.digest, source.url), missing)
    return list(found.values())


def fetch_all(
    missing: Sequence[MissingSource],
    files: Mapping[str, bytes],
    fetcher: SourceFetcher,
    progress: Callable[[FetchProgress], None],
) -> None:
    """Fetch sources into the fetcher's store, four at a time, and look at their formats; every one is tried.

    `files` is the content of the tree of recipes, by path. Raises `SourcesNotFetchedError`; what was fetched stays.
    """
    counting = _Counting(len(missing), progress)
    shared = replace(fetcher, arrived=counting.arrived)

    def problem_of(wanted: MissingSource) -> Problem | None:
        name = f"{wanted.source.file} of {wanted.recipe}"
        counting.file(name, "begun")
        try:
            shared.fetch(wanted.digest, wanted.source.url, wanted.source.origins)
            with fetcher.store.path(wanted.digest).open("rb") as file:
                check_format(wanted.source, file.read(SNIFFED))
        except FarmError as error:
            counting.file(name, "failed")
            path = recipe_file(wanted.recipe)
            at_fault = f"{wanted.source.file}: " if isinstance(error, UnreadableArchiveError) else ""
            return source_problem(files[path], path, wanted.number, f"{at_fault}{error.message}", error.remedy)
        counting.file(name, "fetched")
        return None

    with ThreadPoolExecutor(PARALLEL) as pool:
        try:
            problems = list(filter(None, pool.map(problem_of, missing)))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    if problems:
        raise SourcesNotFetchedError(problems)


class _Counting:
    """Counts what has arrived, for several threads."""

    def __init__(self, total: int, progress: Callable[[FetchProgress], None]) -> None:
        self._total = total
        self._progress = progress
        self._lock = threading.Lock()
        self._files = self._size = 0

    def arrived(self, size: int) -> None:
        with self._lock:
            self._size += size
            self._progress(FetchProgress(self._files, self._total, self._size))

    def file(self, name: str, event: Literal["begun", "fetched", "failed"]) -> None:
        with self._lock:
            self._files += event == "fetched"
            self._progress(FetchProgress(self._files, self._total, self._size, name, event))
