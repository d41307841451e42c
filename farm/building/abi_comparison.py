"""Compares the interfaces of two builds of a library: libabigail's `abidiff`, in a sandbox, over their debug data.

`abidiff` prints for people and answers by the bits of its exit status (its manual, "Return values"). Only the bits
decide. It reads strangers' DWARF, and so runs where strangers' code runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.building.constant_environment import trial_environment
from farm.building.errors import BuildCancelledError, InvalidOrderError
from farm.building.ingredients import toolchain_root
from farm.building.log_keeper import LogKeeper
from farm.engine.driver import StepLog
from farm.engine.sandbox_spec import SandboxLimits, SandboxSpec, Scratch
from farm.fileset import STORE_ROOT
from farm.plan import MOST_LINE, MOST_REPORT_LINES, AbiOutcome, AbiVerdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from farm.building.log_keeper import LogSink
    from farm.building.workshop import Workshop
    from farm.engine.attempt_directory import AttemptDirectory
    from farm.engine.sandbox_spec import SandboxResult, Stream
    from farm.plan import AbiOrder, AbiSide

_MB = 1 << 20
_RECORD_FACTOR = 4
_ERROR, _USAGE, _CHANGE = 1, 2, 4
"""Bits of abidiff's exit status. The next one, 8, marks some changes as certainly incompatible: it decides nothing,
because it is not set for most of the changes that break programs (`int` to `double`, members in another order)."""
_MOST_STATUS = 15
_COMMON = (
    "abidiff",
    "--no-default-suppression",  # no file of the toolchain's says what does not count
    "--no-added-syms",  # who was built against the old library cannot use them
    "--fail-no-debug-info",
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
    limits = order.limits
    archives = tuple({each.store: each for side in (order.before, order.after) for each in side.archives}.values())
    _refuse_one_store_for_two(order)
    root = toolchain_root(archives, order.toolchain, workshop, attempt.subdirectory("root"))
    spec = SandboxSpec(
        command=command_of(order.before, order.after),
        binds=root,
        limits=SandboxLimits(limits.minutes * 60, limits.memory_mb * _MB, limits.processes, limits.log_mb * _MB),
        attempt=attempt.path,
        labels=tuple(attempt.labels.items()),
        environment=trial_environment(),
        scratch=(Scratch("/tmp", limits.memory_mb * _MB // 4, shared=True),),  # noqa: S108
        workdir="/tmp",  # noqa: S108
    )
    report = _Report()
    with LogKeeper(workshop.store, log, most_bytes=limits.log_mb * _MB * _RECORD_FACTOR) as keeper:
        lines = StepLog(["abidiff"], nonce=attempt.name, sink=keeper)

        def take(stream: Stream, piece: bytes) -> None:
            if stream == "stdout":
                report.feed(piece)
            lines.feed(stream, piece)

        result = workshop.sandbox.run(spec, on_output=take, cancelled=lambda: keeper.full or cancelled())
        lines.close()
        if result.ending == "cancelled" and not keeper.full:
            raise BuildCancelledError(order.after.library)
        verdict, reason = judge(result, full=keeper.full)
        keeper.say(f"{verdict}: {reason}" if reason else verdict)
        return AbiOutcome(verdict, result.exit_code, keeper.commit(), report.lines, reason)


def command_of(before: AbiSide, after: AbiSide) -> tuple[str, ...]:
    """Return the command that compares two libraries where they lie in the container.

    With public headers on both sides types that these do not define are left out: nobody else can depend on them.
    """
    sides = ((1, before), (2, after))
    words = list(_COMMON)
    for number, side in sides:
        words += [f"--debug-info-dir{number}", f"{_store(side.debug.store)}/lib/debug"]
    if before.headers and after.headers:
        for number, headers in ((1, before.headers), (2, after.headers)):
            words += [f"--headers-dir{number}", f"{_store(headers.store)}/include"]
    return (*words, *(f"{_store(side.package.store)}/{side.library}" for _, side in sides))


def judge(result: SandboxResult, *, full: bool = False) -> tuple[AbiVerdict, str]:
    """Return the verdict of an ended comparison, and where nothing was judged the reason in a sentence."""
    if full or result.ending != "exited":
        ending = "log" if full else result.ending
        return AbiVerdict.NOT_JUDGED, f"the comparison reached its limit of {ending}"
    # Any other number is no status of abidiff's: it crashed, or there is no such program.
    if result.exit_code & (_ERROR | _USAGE) or not 0 <= result.exit_code <= _MOST_STATUS:
        return AbiVerdict.NOT_JUDGED, f"abidiff ended with status {result.exit_code}"
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


def _store(store: str) -> str:
    return f"/{STORE_ROOT}/{store}"


def _refuse_one_store_for_two(order: AbiOrder) -> None:
    named: dict[str, str] = {}
    for side in (order.before, order.after):
        for archive in side.archives:
            if named.setdefault(archive.store, archive.tree) != archive.tree:
                raise InvalidOrderError(f"the order names two packages for {archive.store}")
