"""Row 5: channels of 10,000 and 100,000 packages: the closure of one package, a check for news, a first query.

All know the same packages with the same needs, and ask a server on the loopback. Each contender is a process from start
to exit, with the caches of the run before. Packages are only listed, so nothing of them is verified here; the metadata
of the channel is, unlike the peers'.
"""

from __future__ import annotations

import shutil
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from script.benchmarks.apt_root import AptRoot, index_repository
from script.benchmarks.measurement import Measurement, interleave, run
from script.benchmarks.servers import static_server
from script.benchmarks.signed_channel import CHANNEL
from script.benchmarks.synthetic_channel import SyntheticChannel
from script.benchmarks.synthetic_indexes import closure_of, write_packages_file, write_pacman_database
from script.benchmarks.synthetic_set import synthetic_packages
from script.benchmarks.table import Goal, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from script.benchmarks.ground import Ground
    from script.benchmarks.servers import CountingServer
    from script.benchmarks.synthetic_set import SyntheticPackage

NUMBER = 5
TITLE = "sync and resolve"
SIZES = (10_000, 100_000)
_CLOSURE = 380
_LOOKED_AT = 2_000
_LIBSOLV_PROGRAM = Path(__file__).with_name("libsolv_closure.py")
_DEBIANS_PYTHON = "/usr/bin/python3"

_FARM, _LIBSOLV, _PACMAN_PY = "farm", "libsolv, from a .solv file", "pacman -Sy and a bare Python start"
_ALL, _PACMAN = "farm: all that is listed", "pacman -Sy"
_WHY_RESOLVE = "each package of the closure is a blob of its own, whose digest is verified, and Python starts slower"
_WHY_SYNC = "two small files are compared; loading the code that would verify and resolve what is new takes the time"


def measure(ground: Ground, rounds: int) -> Iterator[Table]:
    """Return three tables for each size; the short ones take three times the given number of rounds."""
    for size in SIZES:
        ground.say(f"making a channel of {size:,} packages, and the same for the peers")
        with ExitStack() as running:
            bench = _Bench(ground.directory / str(size), synthetic_packages(size), running)
            yield bench.resolving(rounds)
            yield bench.nothing_new(rounds)
            yield bench.first_look()
        shutil.rmtree(ground.directory / str(size))


class _Bench:
    def __init__(self, directory: Path, packages: Sequence[SyntheticPackage], running: ExitStack) -> None:
        self._directory = directory
        self._size = len(packages)
        self._name, self._takes = _package_to_take(packages)
        self._served = directory / "served"
        self._served.mkdir(parents=True)
        channel = SyntheticChannel(directory / "channel", packages)
        (self._served / "farm").symlink_to(channel.public)
        self._fingerprint = channel.fingerprint
        for name in ("apt", "pacman"):
            (self._served / name).mkdir()
        write_packages_file(self._served / "apt" / "Packages", packages)
        self._solv = directory / "set.solv"
        run([_DEBIANS_PYTHON, _LIBSOLV_PROGRAM, "write", self._served / "apt" / "Packages", self._solv])
        index_repository(self._served / "apt")
        write_pacman_database(self._served / "pacman" / "bench.db", packages)
        self._server: CountingServer = running.enter_context(static_server(self._served, directory / "served.log"))
        self._apt = AptRoot(directory / "apt", f"{self._server.address}/apt")
        self._sent = {name: self._count(first) for name, first in self._first_looks().items()}

    def _first_looks(self) -> dict[str, Callable[[], object]]:
        """Return what a client without any state does; the farm twice, the second time as `farm search` has to."""

        def resolve() -> None:
            self._subscribe("state", "host")
            self._step("resolve-newest", self._name)

        def list_all() -> None:
            self._subscribe("state-of-all", "host-of-all")
            self._step("list", state="state-of-all", host="host-of-all")

        return {
            f"{_FARM}: the closure alone": resolve,
            _ALL: list_all,
            "apt-get update": lambda: self._apt.get("update"),
            _PACMAN: self._set_pacman_up,
        }

    def resolving(self, rounds: int) -> Table:
        contenders = {
            _FARM: lambda: self._step("resolve", self._name),
            _LIBSOLV: lambda: run([_DEBIANS_PYTHON, _LIBSOLV_PROGRAM, "solve", self._solv, self._name]),
            "apt-get -s install, warm": lambda: self._apt.get("-s", "install", self._name),
            "pacman -Sp": lambda: self._pacman("-Sp", self._name),
            "python -c pass": _start_python,
        }
        measured = interleave(contenders, rounds * 3)
        title = f"{NUMBER}. What one package takes of {self._size:,}: {self._takes} packages"
        return Table(title, _LIBSOLV, tuple(measured), (Goal(_FARM, _LIBSOLV, 1.0, why=_WHY_RESOLVE),), processor=True)

    def nothing_new(self, rounds: int) -> Table:
        contenders = {
            _FARM: lambda: self._step("sync"),
            "apt-get update": lambda: self._apt.get("update"),
            _PACMAN_PY: self._look_with_pacman,
        }
        measured = interleave(contenders, rounds * 3)
        title = f"{NUMBER}. A look at a channel of {self._size:,} that has nothing new"
        return Table(title, _PACMAN_PY, tuple(measured), (Goal(_FARM, _PACMAN_PY, 1.0, why=_WHY_SYNC),), processor=True)

    def first_look(self) -> Table:
        counted = tuple(Measurement(name, (count,), "B") for name, count in self._sent.items())
        title = f"{NUMBER}. A first look at a channel of {self._size:,}: bytes sent to the client"
        return Table(title, _PACMAN, counted, (Goal(_ALL, _PACMAN, 1.0),))

    def _count(self, action: Callable[[], object]) -> int:
        before = self._server.sent()
        action()
        return self._server.sent() - before

    def _subscribe(self, state: str, host: str) -> None:
        places = {"FARM_STATE": self._directory / state, "FARM_HOST": self._directory / host}
        farm = Path(sys.executable).with_name("farm")
        address = f"{self._server.address}/farm"
        run([farm, "subscribe", address, CHANNEL, "--fingerprint", self._fingerprint], variables=places)

    def _step(self, step: str, *names: str, state: str = "state", host: str = "host") -> None:
        places = (self._directory / state, self._directory / host)
        run([sys.executable, "-m", "script.benchmarks.subscriber_steps", step, *places, *names])

    def _set_pacman_up(self) -> None:
        (self._directory / "pacman" / "db").mkdir(parents=True)
        (self._directory / "pacman.conf").write_text(
            "[options]\nArchitecture = x86_64\nSigLevel = Never\nDisableSandbox\n"
            f"[bench]\nServer = {self._server.address}/pacman\n"
        )
        self._pacman("-Sy")

    def _look_with_pacman(self) -> None:
        self._pacman("-Sy")
        _start_python()

    def _pacman(self, *arguments: str) -> None:
        root, configuration = self._directory / "pacman", self._directory / "pacman.conf"
        options = [f"--root={root}", f"--dbpath={root}/db", f"--config={configuration}", f"--logfile={root}/log"]
        run(["pacman", "--noconfirm", *options, *arguments])


def _package_to_take(packages: Sequence[SyntheticPackage]) -> tuple[str, int]:
    """Return one of the last packages, whose closure is nearest to the wanted size, and that size."""
    sizes = {package.name: len(closure_of(packages, package.number)) for package in packages[-_LOOKED_AT:]}
    name = min(sizes, key=lambda candidate: abs(sizes[candidate] - _CLOSURE))
    return name, sizes[name]


def _start_python() -> None:
    run([sys.executable, "-c", "pass"])
