"""Compares the interfaces of two builds of a library by libabigail's tools, in a sandbox, over their debug data.

`abidw` describes each of them: what it does not describe nobody can compare. `abidiff` prints for people and answers by
the bits of its exit status (its manual, "Return values"). Only the bits decide. Both read strangers' DWARF, and so run
where strangers' code runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.building.errors import InvalidOrderError
from farm.building.ingredients import toolchain_root
from farm.building.interface_description import DescriptionReader, InterfaceDescription, UnreadableDescriptionError
from farm.building.private_types import defined_names, suppression
from farm.building.trial_sandbox import TrialSandbox
from farm.engine.sandbox_spec import Bind
from farm.fileset import STORE_ROOT, Link, Manifest
from farm.package import is_installed_header
from farm.plan import MOST_LINE, MOST_REPORT_LINES, MOST_UNDESCRIBED, AbiOutcome, AbiVerdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from farm.building.log_keeper import LogSink
    from farm.building.workshop import Workshop
    from farm.engine.attempt_directory import AttemptDirectory
    from farm.engine.sandbox_spec import SandboxResult
    from farm.plan import AbiOrder, AbiSide, DependencyArchive

_DESCRIPTION_MB = 1024
_HEADERS_MB = 64
_SUPPRESSION = "/suppressions"
_ERROR, _USAGE, _CHANGE = 1, 2, 4
"""Bits of abidiff's exit status. The next one, 8, marks some changes as certainly incompatible: it decides nothing,
because it is not set for most of the changes that break programs (`int` to `double`, members in another order)."""
_MOST_STATUS = 15
_DIFF = (
    "abidiff",
    "--no-default-suppression",  # no file of the toolchain's says what does not count
    "--no-added-syms",  # who was built against the old library cannot use them
    "--fail-no-debug-info",
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
    """Carry a comparison out. A changed interface is an outcome, not an error.

    Raises `InvalidOrderError`, `BuildCancelledError`, and the errors of stores and sandbox for what the worker could
    not do.
    """
    archives = tuple({each.store: each for side in (order.before, order.after) for each in side.archives}.values())
    _refuse_one_store_for_two(order)
    root = toolchain_root(archives, order.toolchain, workshop, attempt.subdirectory("root"))
    report = _Report()
    with TrialSandbox(workshop, attempt, order.limits, log=log, cancelled=cancelled) as sandbox:

        def outcome(
            verdict: AbiVerdict, exit_code: int, reason: str = "", undescribed: Iterable[str] = ()
        ) -> AbiOutcome:
            sandbox.log.say(f"{verdict}: {reason}" if reason else verdict)
            names = tuple(sorted(undescribed))
            return AbiOutcome(
                verdict,
                exit_code,
                sandbox.log.commit(),
                report.lines,
                reason,
                tuple(name[:MOST_LINE] for name in names[:MOST_UNDESCRIBED]),
                len(names),
            )

        described = []
        for side, words in ((order.before, "the old library"), (order.after, "the new library")):
            result, description = _describe(side, sandbox, root)
            if description is None:
                _, reason = judge(result, full=sandbox.log.full, tool="abidw")
                reason = reason or "what abidw says cannot be read"
                return outcome(AbiVerdict.NOT_JUDGED, result.exit_code, f"{reason}, for {words}")
            described.append(description)
        before, after = described
        private = _private_types(order, workshop, root, before, after)
        file = attempt.subdirectory("comparison") / "suppressions"
        file.write_text(private)
        command = _command_of(order.before, order.after, _SUPPRESSION if private else "")
        result = sandbox.run(command, (*root, Bind(file, _SUPPRESSION)), name="abidiff", take=report.feed)
        verdict, reason = judge(result, full=sandbox.log.full)
        return outcome(verdict, result.exit_code, reason, before.undescribed | (after.undescribed & before.symbols))


def _command_of(before: AbiSide, after: AbiSide, suppressions: str = "") -> tuple[str, ...]:
    """Return the command that compares two libraries where they lie in the container."""
    words = list(_DIFF)
    for number, side in ((1, before), (2, after)):
        words += [f"--debug-info-dir{number}", _debug_data(side)]
    if suppressions:
        words += ["--suppressions", suppressions]
    return (*words, _library(before), _library(after))


def _describe(
    side: AbiSide, sandbox: TrialSandbox, root: tuple[Bind, ...]
) -> tuple[SandboxResult, InterfaceDescription | None]:
    """Let a library be described; None for what came to no end, or is no description."""
    reader = DescriptionReader()
    command = (*_DESCRIBE, "--debug-info-dir", _debug_data(side), _library(side))
    result = sandbox.run(command, root, name="abidw", take=reader.feed, unlogged_mb=_DESCRIPTION_MB)
    if result.ending != "exited" or result.exit_code:
        return result, None
    try:
        return result, reader.end()
    except UnreadableDescriptionError:
        return result, None


def _private_types(
    order: AbiOrder,
    workshop: Workshop,
    root: tuple[Bind, ...],
    before: InterfaceDescription,
    after: InterfaceDescription,
) -> str:
    """Return what is to be left out because no header of either build tells of it.

    Without headers of the old build, or with more than can be read, private types count like public ones.
    """
    if not order.before.headers:
        return ""
    places = {bind.target: bind.source for bind in root}
    headers: set[str] = set()
    names: set[str] = set()
    left = _HEADERS_MB << 20
    for each in {each.store: each for each in (*order.before.headers, *order.after.headers)}.values():
        manifest = Manifest.from_json(workshop.store.read(each.tree))
        headers.update(entry.path for entry in manifest.entries if isinstance(entry, Link))
        for file in manifest.files():
            if not is_installed_header(file.path):
                continue
            left -= file.size
            if left < 0:
                return ""
            headers.add(file.path)
            text = (places[_store(each)] / file.path).read_bytes().decode("utf-8", "replace")
            names |= defined_names(text)
    return suppression(before, after, headers=headers, names=names) if headers else ""


def judge(result: SandboxResult, *, full: bool = False, tool: str = "abidiff") -> tuple[AbiVerdict, str]:
    """Return the verdict of an ended comparison, and where nothing was judged the reason in a sentence."""
    if full or result.ending != "exited":
        ending = "log" if full else result.ending
        return AbiVerdict.NOT_JUDGED, f"the comparison reached its limit of {ending}"
    # Any other number is no status of abidiff's: it crashed, or there is no such program.
    if result.exit_code & (_ERROR | _USAGE) or not 0 <= result.exit_code <= _MOST_STATUS:
        return AbiVerdict.NOT_JUDGED, f"{tool} ended with status {result.exit_code}"
    return (AbiVerdict.CHANGED if result.exit_code & _CHANGE else AbiVerdict.COMPATIBLE), ""


class _Report:
    """The first lines of what the tool prints, each cut to a bounded length, without the empty ones."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._rest = b""

    def feed(self, piece: bytes) -> None:
        """Take what was printed."""
        if len(self._lines) >= MOST_REPORT_LINES:
            return
        *whole, self._rest = (self._rest + piece).split(b"\n")
        self._rest = self._rest[: MOST_LINE * 4]
        for line in whole:
            text = line.decode("utf-8", "replace").rstrip()[:MOST_LINE]
            if text and len(self._lines) < MOST_REPORT_LINES:
                self._lines.append(text)

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines so far."""
        return tuple(self._lines)


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
