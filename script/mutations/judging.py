"""Finds the test that notices each mutation: runs a few at a time, each in a copy of the tree, and stores verdicts."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

from script.mutations.subjects import TESTS
from script.mutations.trial import Copy
from script.mutations.verdicts import MutationVerdict, Verdicts, basis_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from script.mutations.mutation import Mutation


class RedTestsError(Exception):
    """A test has failed, and fails without any mutation too, so it proves nothing."""

    def __init__(self, failed: str, output: str) -> None:
        super().__init__(f"{failed} fails without a mutation:\n{output[-4000:]}")


def judge(
    root: Path, mutations: Sequence[Mutation], *, jobs: int, again: bool
) -> Iterator[tuple[Mutation, MutationVerdict]]:
    """Yield each mutation with its verdict: the known ones, then the others as they are found.

    Raises `RedTestsError`.
    """
    verdicts = Verdicts(root)
    waiting: list[tuple[Mutation, str]] = []
    for mutation in mutations:
        basis = basis_of(root, _changed(root, mutation), TESTS[mutation.module])
        if known := None if again else verdicts.known(mutation.name, basis):
            yield mutation, known
        else:
            waiting.append((mutation, basis))
    if not waiting:
        return
    with _workplace(root, min(jobs, len(waiting))) as workplace:
        for mutation, verdict in workplace.judge(waiting):
            verdicts.keep(verdict)
            yield mutation, verdict


@contextmanager
def _workplace(root: Path, jobs: int) -> Iterator[_Workplace]:
    with tempfile.TemporaryDirectory(prefix="farm-mutations-") as place, ThreadPoolExecutor(jobs) as pool:
        copies: SimpleQueue[Copy] = SimpleQueue()
        for number in range(jobs):
            copies.put(Copy(root, Path(place) / str(number)))
        try:
            yield _Workplace(root, pool, copies)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


class _Workplace:
    """As many copies of a tree as there are threads, each for one trial at a time."""

    def __init__(self, root: Path, pool: ThreadPoolExecutor, copies: SimpleQueue[Copy]) -> None:
        self._root = root
        self._pool = pool
        self._copies = copies

    def judge(self, waiting: Sequence[tuple[Mutation, str]]) -> Iterator[tuple[Mutation, MutationVerdict]]:
        """Yield each mutation with its verdict. Raises `RedTestsError`."""

        def judged(mutation: Mutation, basis: str) -> tuple[Mutation, MutationVerdict]:
            tests = TESTS[mutation.module]
            with self._copy() as copy:
                outcome = copy.changed(mutation.module, _changed(self._root, mutation), tests)
                if outcome.test:  # it may fail by chance, or because of the state of the machine
                    _check_sound(copy, outcome.test)
            return mutation, MutationVerdict(mutation.name, basis, outcome.failed, round(outcome.seconds, 1))

        for future in as_completed([self._pool.submit(judged, *pair) for pair in waiting]):
            yield future.result()

    @contextmanager
    def _copy(self) -> Iterator[Copy]:
        copy = self._copies.get()
        try:
            yield copy
        finally:
            self._copies.put(copy)


def _check_sound(copy: Copy, test: str) -> None:
    outcome = copy.run((test,))
    if outcome.failed:
        raise RedTestsError(outcome.failed, outcome.output)


def _changed(root: Path, mutation: Mutation) -> str:
    return mutation.applied((root / mutation.module).read_text(encoding="utf-8"))
