"""One test of a package: a command in a root of exactly the test's closure, and its expected output."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from itertools import zip_longest
from typing import TYPE_CHECKING

from farm.build.attempt.inputs import trial_root
from farm.build.attempt.log_keeper import LogKeeper
from farm.build.attempt.text_difference import difference
from farm.build.attempt.trial_sandbox import TrialSandbox
from farm.build.attempt.workshop import time_now
from farm.core.names.wording import counted
from farm.core.plan.job import TestOutcome
from farm.trust.attestation.tester_results import result_statement

if TYPE_CHECKING:
    from collections.abc import Callable

    from farm.build.attempt.log_keeper import LogSink
    from farm.build.attempt.workshop import Workshop
    from farm.container.attempt_directory import AttemptDirectory
    from farm.container.sandbox_spec import SandboxResult
    from farm.core.plan.job import TestOrder
    from farm.core.recipe.recipe import Test

_SHOWN = 200
_MATCH_SECONDS = 10
_MATCHED_BYTES = 1 << 20
_SEARCH = "import json, re, sys; sys.exit(re.search(*json.load(sys.stdin)) is None)"


def run_test(
    order: TestOrder,
    workshop: Workshop,
    *,
    attempt: AttemptDirectory,
    log: LogSink,
    cancelled: Callable[[], bool] = lambda: False,
    differs: Callable[[tuple[str, ...]], object] = lambda _lines: None,
) -> TestOutcome:
    """Run a test, and sign its outcome. A failed test is an outcome, not an error.

    `differs` is called with the lines that show how what it printed differs from what it should print, if that is why
    it failed; they are in the log too.

    Raises `BuildCancelledError`, and the errors of stores and sandbox for faults of the worker.
    """
    test, started = order.test, time_now()
    root = trial_root(order.closure, workshop, attempt.subdirectory("root"))
    printed = bytearray()
    with LogKeeper(workshop.store, log, order.limits) as keeper:
        result = TrialSandbox(workshop, attempt, order.limits, keeper, cancelled).run(
            test.command or ("/usr/bin/sh", "-eu", "-c", test.run),
            root,
            name=test.name or "test",
            take=lambda piece: printed.extend(piece[: _MATCHED_BYTES + 1 - len(printed)]),
            minutes=test.minutes,
        )
        limit = _failed_limit(order, result, full=keeper.full)
        message = limit or verdict(test, result.exit_code, bytes(printed))
        keeper.say(message or "passed")
        if test.prints is not None and not limit and result.exit_code == test.exit and len(printed) <= _MATCHED_BYTES:
            lines = difference(printed.decode("utf-8", "replace").strip(), test.prints.strip())
            for line in lines:
                keeper.say(line)
            differs(lines)
        outcome = TestOutcome(not message, result.exit_code, message, keeper.commit())
    statement = result_statement(order, outcome, workshop.tester_run(attempt, started))
    return replace(outcome, attestation=workshop.attest(statement))


def verdict(test: Test, exit_code: int, printed: bytes) -> str:
    """Return why a test failed, in a sentence, or nothing if it passed. `printed` is its standard output."""
    if exit_code != test.exit:
        return f"it ended with status {exit_code}, not {test.exit}"
    if len(printed) > _MATCHED_BYTES:
        is_compared = test.prints is not None or test.matches is not None
        return "it printed more than 1 MiB, which cannot be compared" if is_compared else ""
    text = printed.decode("utf-8", "replace").strip()
    if test.prints is not None and text != test.prints.strip():
        return _other_text(text, test.prints.strip())
    if test.matches is not None:
        found = _search(test.matches, text)
        if found is None:
            return f"looking for {test.matches[:_SHOWN]!r} in what it printed took more than {_MATCH_SECONDS} seconds"
        if not found:
            return f"it printed {text[:_SHOWN]!r}, in which {test.matches[:_SHOWN]!r} is not found"
    return ""


def _other_text(printed: str, expected: str) -> str:
    """Return how a text differs from the expected one; of several lines, the first that does."""
    was, wanted = printed.split("\n"), expected.split("\n")
    if len(was) == len(wanted) == 1:
        return f"it printed {printed[:_SHOWN]!r}, not {expected[:_SHOWN]!r}"
    pairs = enumerate(zip_longest(was, wanted), 1)
    number, (line, instead) = next((number, pair) for number, pair in pairs if pair[0] != pair[1])
    if line is None:
        return f"it printed {counted(len(was), 'line')}, and not line {number}, {instead[:_SHOWN]!r}"
    if instead is None:
        return f"it printed {counted(len(was), 'line')}, not {len(wanted)}; line {number} is {line[:_SHOWN]!r}"
    return f"line {number} of what it printed is {line[:_SHOWN]!r}, not {instead[:_SHOWN]!r}"


def _failed_limit(order: TestOrder, result: SandboxResult, *, full: bool) -> str:
    if full or result.ending == "log":
        return f"it reached the limit log-mb = {order.limits.log_mb}"
    if result.ending == "time":
        return f"it reached its limit minutes = {order.test.minutes}"
    return f"it reached the limit memory-mb = {order.limits.memory_mb}" if result.ending == "memory" else ""


def _search(pattern: str, text: str) -> bool | None:
    """Search in a separate process: an untrusted expression on untrusted text may never finish."""
    command = [sys.executable, "-I", "-c", _SEARCH]
    try:
        done = subprocess.run(
            command, input=json.dumps([pattern, text]), text=True, timeout=_MATCH_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return None
    return done.returncode == 0
