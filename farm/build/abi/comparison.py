"""Compares the interfaces of two builds of a library with libabigail's tools, in a sandbox, by their debug data.

`abidw` describes each library: what it does not describe cannot be compared. `abidiff` prints a report for people and
answers by the bits of its exit status (its manual, "Return values"). The bits decide, and the descriptions where the
bits are silent; the report decides nothing. Both tools read untrusted DWARF, and so run where untrusted code runs.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from farm.build.abi.interface_description import (
    DescriptionReader,
    InterfaceDescription,
    UnreadableDescriptionError,
    regrouped,
)
from farm.build.abi.private_types import defined_names, is_public, suppression
from farm.build.abi.split_names import SplitNames
from farm.build.attempt.errors import InvalidOrderError
from farm.build.attempt.inputs import toolchain_root
from farm.build.attempt.log_keeper import LogKeeper
from farm.build.attempt.trial_sandbox import TrialSandbox
from farm.build.attempt.workshop import time_now
from farm.container.sandbox_spec import Bind
from farm.core.fileset.archive_reader import STORE_ROOT
from farm.core.fileset.manifest import Link, Manifest
from farm.core.package.copyable import is_installed_header
from farm.core.plan.abi import (
    MOST_LINE,
    MOST_REPORT_LINES,
    MOST_UNDESCRIBED,
    AbiOutcome,
    AbiVerdict,
    UndescribedSymbols,
)
from farm.trust.attestation.tester_results import abi_statement

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from farm.build.abi.interface_description import DeclaredType
    from farm.build.attempt.log_keeper import LogSink
    from farm.build.attempt.workshop import Workshop
    from farm.container.attempt_directory import AttemptDirectory
    from farm.container.sandbox_spec import SandboxResult
    from farm.core.plan.abi import AbiOrder, AbiSide
    from farm.core.plan.job import DependencyArchive

_DESCRIPTION_MB = 1024
_HEADERS_MB = 64
_ERROR, _USAGE, _CHANGE = 1, 2, 4
"""Bits of abidiff's exit status. The next one, 8, marks some changes as certainly incompatible: it decides nothing,
because it is not set for most of the changes that break programs (`int` to `double`, members in another order)."""
_MOST_STATUS = 15
_CRASHES = frozenset(
    128 + number for number in (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)
)
"""Exit statuses of a crash caused by the input. SIGKILL is not among them: it may come from outside."""
_DIFF = (
    "abidiff",
    "--no-default-suppression",  # no file of the toolchain's says what does not count
    "--no-added-syms",  # programs that were built against the old library cannot use them
)
_DESCRIBE = (
    "abidw",
    "--no-corpus-path",
    "--no-parameter-names",
    "--no-load-undefined-interfaces",  # else variables that another file declares lose their symbols
)


def compare_interfaces(
    order: AbiOrder,
    workshop: Workshop,
    *,
    attempt: AttemptDirectory,
    log: LogSink,
    cancelled: Callable[[], bool] = lambda: False,
) -> AbiOutcome:
    """Compare the libraries of an order, and sign the outcome. A changed interface is an outcome, not an error.

    Raises `InvalidOrderError`, `BuildCancelledError`, and the errors of stores and sandbox for faults of the worker.
    """
    started = time_now()
    archives = tuple(
        {archive.store: archive for side in (order.before, order.after) for archive in side.archives}.values()
    )
    _refuse_one_store_for_two(order)
    root = toolchain_root(archives, order.toolchain, workshop, attempt.subdirectory("root"))
    with LogKeeper(workshop.store, log, order.limits) as keeper:
        sandbox = TrialSandbox(workshop, attempt, order.limits, keeper, cancelled)
        found = _Comparison(order, workshop, attempt.subdirectory("comparison"), root, sandbox).carry_out()
        keeper.say(f"{found.verdict}: {found.reason}" if found.reason else found.verdict)
        names = tuple(sorted(found.not_compared))
        outcome = AbiOutcome(
            found.verdict,
            found.exit_code,
            keeper.commit(),
            found.report,
            found.reason,
            UndescribedSymbols(len(names), tuple(name[:MOST_LINE] for name in names[:MOST_UNDESCRIBED])),
        )
    statement = abi_statement(order, outcome, workshop.tester_run(attempt, started))
    return replace(outcome, attestation=workshop.attest(statement))


@dataclass(frozen=True, slots=True)
class _Found:
    verdict: AbiVerdict
    exit_code: int
    reason: str = ""
    report: tuple[str, ...] = ()
    not_compared: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Comparison:
    """A comparison in its sandbox; `directory` is for files that it makes."""

    order: AbiOrder
    workshop: Workshop
    directory: Path
    root: tuple[Bind, ...]
    sandbox: TrialSandbox

    def carry_out(self) -> _Found:
        """Describe both libraries, compare them, and compare again the names that now share their code with others.

        Raises `BuildCancelledError`.
        """
        (old, before), (new, after) = self._describe(self.order.before), self._describe(self.order.after)
        if before is None or after is None:
            return self._not_described(old, new, before)
        headers = _headers_of(self.order, self.workshop, self.root)
        suppressions = self._suppressions(before, after, headers)
        found = self._compare(_sides_of(self.order), suppressions)
        moved = regrouped(before, after)
        if moved and found.verdict is AbiVerdict.COMPATIBLE:
            found = self._compare_by_name(before, after, suppressions)
        if found.verdict is AbiVerdict.COMPATIBLE and (changed := self._changed_classes(before, after, headers)):
            found = replace(found, verdict=AbiVerdict.CHANGED, report=changed)
        hidden = {name for name in moved if not (before.has_for_itself(name) and after.has_for_itself(name))}
        lacking = before.undescribed | (after.undescribed & before.symbols) | hidden
        return replace(found, not_compared=frozenset(lacking))

    def _describe(self, side: AbiSide) -> tuple[SandboxResult, InterfaceDescription | None]:
        """Describe a library; None if the tool failed, or its output is no description."""
        reader = DescriptionReader()
        result = self._run_abidw(side, reader.feed)
        if result.ending != "exited" or result.exit_code:
            return result, None
        try:
            return result, reader.end()
        except UnreadableDescriptionError:
            return result, None

    def _run_abidw(self, side: AbiSide, take: Callable[[bytes], object]) -> SandboxResult:
        command = (*_DESCRIBE, "--debug-info-dir", _debug_data(side), _library(side))
        return self.sandbox.run(command, self.root, name="abidw", take=take, unlogged_mb=_DESCRIPTION_MB)

    def _not_described(self, old: SandboxResult, new: SandboxResult, before: InterfaceDescription | None) -> _Found:
        result, words = (old, "the old library") if before is None else (new, "the new library")
        verdict = AbiVerdict.NOT_JUDGED
        if old.ending == new.ending == "exited" and old.exit_code == new.exit_code in _CRASHES:
            verdict, words = AbiVerdict.UNREADABLE, "both libraries"
        _, reason = judge(result, full=self.sandbox.log.full, tool="abidw")
        return _Found(verdict, result.exit_code, f"{reason or 'the output of abidw cannot be read'}, for {words}")

    def _suppressions(
        self, before: InterfaceDescription, after: InterfaceDescription, headers: _Headers | None
    ) -> tuple[Bind, ...]:
        private = suppression(before, after, headers=headers.paths, names=headers.names) if headers else ""
        if not private:
            return ()
        file = self.directory / "suppressions"
        file.write_text(private)
        return (Bind(file, f"/{file.name}"),)

    def _changed_classes(
        self, before: InterfaceDescription, after: InterfaceDescription, headers: _Headers | None
    ) -> tuple[str, ...]:
        def counts(declared: DeclaredType) -> bool:
            return headers is None or is_public(declared, headers=headers.paths, names=headers.names)

        changes = list(before.classes.changes(after.classes, counts))
        for change in changes:
            self.sandbox.log.say(change)
        return tuple(f"  [C] {change}"[:MOST_LINE] for change in changes[:MOST_REPORT_LINES])

    def _compare(self, sides: tuple[str, ...], suppressions: tuple[Bind, ...], *more: Bind) -> _Found:
        report = _Report()
        options = [word for bind in suppressions for word in ("--suppressions", bind.target)]
        binds = (*self.root, *suppressions, *more)
        result = self.sandbox.run((*_DIFF, *options, *sides), binds, name="abidiff", take=report.feed)
        verdict, reason = judge(result, full=self.sandbox.log.full)
        return _Found(verdict, result.exit_code, reason, tuple(report.lines))

    def _compare_by_name(
        self, before: InterfaceDescription, after: InterfaceDescription, suppressions: tuple[Bind, ...]
    ) -> _Found:
        """Compare the libraries by descriptions with a declaration for every name of a piece of code."""
        binds = []
        for side, description, words in ((self.order.before, before, "old"), (self.order.after, after, "new")):
            file = self.directory / f"{words}.abi"
            with file.open("wb") as out:
                writer = SplitNames(description.split(), out, most_bytes=_DESCRIPTION_MB << 20)
                result = self._run_abidw(side, writer.feed)
                is_whole = writer.end()
            if result.ending != "exited" or result.exit_code or not is_whole:
                _, reason = judge(result, full=self.sandbox.log.full, tool="abidw")
                reason = reason or "the output of abidw cannot be rewritten"
                return _Found(AbiVerdict.NOT_JUDGED, result.exit_code, f"{reason}, for the {words} library")
            binds.append(Bind(file, f"/{file.name}"))
        return self._compare(tuple(bind.target for bind in binds), suppressions, *binds)


def _sides_of(order: AbiOrder) -> tuple[str, ...]:
    """Return the arguments that name two libraries where they lie in the container, and their debug data."""
    words = ["--fail-no-debug-info"]
    for number, side in ((1, order.before), (2, order.after)):
        words += [f"--debug-info-dir{number}", _debug_data(side)]
    return (*words, _library(order.before), _library(order.after))


class _Headers(NamedTuple):
    paths: frozenset[str]
    names: frozenset[str]  # of what they define


def _headers_of(order: AbiOrder, workshop: Workshop, root: tuple[Bind, ...]) -> _Headers | None:
    """Return the public headers of both builds.

    None without headers of the old build, or if they are too large: then private types count like public ones.
    """
    if not order.before.headers:
        return None
    places = {bind.target: bind.source for bind in root}
    headers: set[str] = set()
    names: set[str] = set()
    left = _HEADERS_MB << 20
    for archive in {archive.store: archive for archive in (*order.before.headers, *order.after.headers)}.values():
        manifest = Manifest.from_json(workshop.store.read(archive.tree))
        headers.update(entry.path for entry in manifest.entries if isinstance(entry, Link))
        for file in manifest.files():
            if not is_installed_header(file.path):
                continue
            left -= file.size
            if left < 0:
                return None
            headers.add(file.path)
            text = (places[_store(archive)] / file.path).read_bytes().decode("utf-8", "replace")
            names |= defined_names(text)
    return _Headers(frozenset(headers), frozenset(names)) if headers else None


def judge(result: SandboxResult, *, full: bool = False, tool: str = "abidiff") -> tuple[AbiVerdict, str]:
    """Return the verdict of a comparison that ended, and the reason if it is not judged."""
    if full or result.ending != "exited":
        ending = "log" if full else result.ending
        return AbiVerdict.NOT_JUDGED, f"the comparison reached its limit of {ending}"
    # Any other number is no exit status of abidiff: it crashed, or is not installed.
    if result.exit_code & (_ERROR | _USAGE) or not 0 <= result.exit_code <= _MOST_STATUS:
        return AbiVerdict.NOT_JUDGED, f"{tool} ended with status {result.exit_code}"
    return (AbiVerdict.CHANGED if result.exit_code & _CHANGE else AbiVerdict.COMPATIBLE), ""


class _Report:
    """The first lines that the tool prints, each cut to a bounded length, without empty ones."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._rest = b""

    def feed(self, piece: bytes) -> None:
        """Add output of the tool."""
        if len(self.lines) >= MOST_REPORT_LINES:
            return
        *whole, self._rest = (self._rest + piece).split(b"\n")
        self._rest = self._rest[: MOST_LINE * 4]
        for line in whole:
            text = line.decode("utf-8", "replace").rstrip()[:MOST_LINE]
            if text and len(self.lines) < MOST_REPORT_LINES:
                self.lines.append(text)


def _store(package: DependencyArchive) -> str:
    return f"/{STORE_ROOT}/{package.store}"


def _library(side: AbiSide) -> str:
    return f"{_store(side.package)}/{side.library}"


def _debug_data(side: AbiSide) -> str:
    return f"{_store(side.debug)}/lib/debug"


def _refuse_one_store_for_two(order: AbiOrder) -> None:
    named: dict[str, str] = {}
    for side in (order.before, order.after):
        for archive in side.archives:
            if named.setdefault(archive.store, archive.tree) != archive.tree:
                raise InvalidOrderError(f"the order names two packages for {archive.store}")
