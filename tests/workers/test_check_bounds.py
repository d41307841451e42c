"""The limits of a check, in a process of its own that ends or does not."""

from __future__ import annotations

import subprocess
import sys


def run(program: str, *limits: str) -> subprocess.CompletedProcess[str]:
    """Run Python, within limits that ulimit(1) sets."""
    script = "".join(f"ulimit {limit} && " for limit in limits) + 'exec "$@"'
    return subprocess.run(
        ["sh", "-c", script, "sh", sys.executable, "-c", program], capture_output=True, text=True, check=False
    )


def test_what_ends_in_time_ends_nothing() -> None:
    done = run(
        "import time; from workers.check_bounds import CheckDeadline; d = CheckDeadline(0.3)\n"
        "for _ in range(4):\n"
        "    with d.running():\n"
        "        time.sleep(0.15)\n"
        "time.sleep(0.5); print('alive')"
    )
    assert (done.returncode, done.stdout) == (0, "alive\n")


def test_a_loop_in_a_library_that_lets_nobody_else_run_is_ended_and_named() -> None:
    """A regular expression holds the interpreter's lock, so no thread of Python's could stop it."""
    done = run(
        "import re; from workers.check_bounds import CheckDeadline\n"
        "def hopeless():\n"
        "    re.match(r'(a|a)*$', 'a' * 60 + 'b')\n"
        "with CheckDeadline(0.3).running():\n"
        "    hopeless()"
    )
    assert done.returncode == 1
    assert "in hopeless" in done.stderr


def test_of_two_at_once_the_one_that_does_not_end_counts() -> None:
    done = run(
        "import threading, time; from workers.check_bounds import CheckDeadline; d = CheckDeadline(0.4)\n"
        "def slow():\n"
        "    with d.running(): time.sleep(60)\n"
        "threading.Thread(target=slow, daemon=True).start()\n"
        "for _ in range(100):\n"
        "    with d.running(): time.sleep(0.05)"
    )
    assert done.returncode == 1
    assert "in slow" in done.stderr


def test_memory_is_bounded_and_a_lower_bound_of_before_stays() -> None:
    program = (
        "import resource; from workers.check_bounds import bound_memory; bound_memory(1024)\n"
        "print(resource.getrlimit(resource.RLIMIT_AS)[0] >> 20)\n"
        "try: bytes(2 << 30)\n"
        "except MemoryError: print('refused')"
    )
    assert run(program).stdout == "1024\nrefused\n"
    assert run(program, "-v 524288").stdout == "512\nrefused\n"
