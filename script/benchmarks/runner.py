"""`script/bench`: runs the chosen workloads, each on a tmpfs of its own, and prints their results."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from farm.cli.settings import Settings
from farm.errors import FarmError
from script.benchmarks.ground import Ground, ground

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

    from script.benchmarks.table import Table

WORKLOADS = {
    1: "sandbox_start",
    2: "capture_trees",
    3: "install_packages",
    4: "upgrade_packages",
    5: "resolve_packages",
    6: "prove_sets",
    7: "publish_package",
    8: "elf_facts",
    11: "load_images",
    12: "late_binding_start",
    14: "search_runs",
    15: "submit_recipes",
    16: "first_package_page",
    18: "edit_to_result",
}
"""The modules by their row number in the list of workloads (docs/benchmarks.md)."""

_PEERS = (
    *("apt", "apt-utils", "binutils", "bubblewrap", "buildah", "casync", "coreutils", "docker-buildx"),
    *("docker-registry", "docker.io", "dose-distcheck", "dpkg", "ostree", "pacman-package-manager", "python3-solv"),
    *("tar", "zstd"),
)
"""The Debian packages whose versions are printed."""


class Workload(Protocol):
    """The interface of a workload's module."""

    NUMBER: int
    TITLE: str

    def measure(self, ground: Ground, rounds: int) -> Iterator[Table]:
        """Yield the tables one by one, each when it is complete."""


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line; exits with status 2 if it is invalid."""
    parser = argparse.ArgumentParser(prog="script/bench", description="Measure the farm beside its peers.")
    parser.add_argument("rows", nargs="*", type=int, metavar="ROW", help=f"of {', '.join(map(str, WORKLOADS))}")
    parser.add_argument("--rounds", type=int, default=3, help="rounds that count, after one that does not (default: 3)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of Markdown")
    options = parser.parse_args(arguments)
    if unknown := [row for row in options.rows if row not in WORKLOADS]:
        parser.error(f"there is no workload {unknown[0]}; there are {', '.join(map(str, WORKLOADS))}")
    if options.rounds < 1:
        parser.error("one round at least")
    options.rows = options.rows or list(WORKLOADS)
    return options


def main(arguments: Sequence[str]) -> int:
    """Run; returns the exit status, which is independent of goals."""
    options = parse_arguments(arguments)
    if os.geteuid() != 0:
        print("bench: this mounts file systems and runs containers: run it as root", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, _leave)
    found = []
    if not options.json:
        print(f"{conditions()}\n", flush=True)
    try:
        for row in options.rows:
            for table in _tables(row, options.rounds):
                found.append({"row": row, **table.to_dict()})
                if not options.json:
                    print(table.to_markdown(), flush=True)
    except FarmError as error:
        print(f"bench: {error.message}\n{error.remedy}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps({"conditions": conditions(), "rounds": options.rounds, "tables": found}, indent=1))
    return 0


def _tables(row: int, rounds: int) -> Iterator[Table]:
    workload: Workload = importlib.import_module(f"script.benchmarks.{WORKLOADS[row]}")
    with ground(Settings.from_environment()) as place:
        place.say(f"row {workload.NUMBER}: {workload.TITLE} (on the tmpfs {place.directory})")
        yield from workload.measure(place, rounds)


def conditions() -> str:
    """Describe when and on what this ran: machine, load, and the versions of all programs involved."""
    cpus = [line.partition(": ")[2] for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    commit = _output("git", "rev-parse", "--short", "HEAD")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    lines = [
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        f"{len(cpus)} x {cpus[0] if cpus else platform.machine()}, {memory:.0f} GB, load {os.getloadavg()[0]:.1f}",
        f"Linux {platform.release()}, Python {platform.python_version()}, commit {commit}",
        _output("dpkg-query", "--show", "--showformat=${Package} ${Version}, ", *_PEERS).rstrip(", "),
    ]
    return "; ".join(lines)


def _output(*command: str) -> str:
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return done.stdout.strip()


def _leave(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
