"""Row 12: from start to exit of a program over ten packages: late-bound, and in an image with equal content.

`farm run` is timed as a whole: it asks the repository, on the loopback, for news, records the run, and starts the
program as nobody without privileges. With a variable to set, it takes the full path each time: it verifies the release,
the packages and their set again.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from farm.client.run.bubblewrap import bubblewrap_command
from farm.client.run.late_binding import RunOptions
from farm.container.sandbox import connect
from farm.store.blobs import BlobStore
from farm.store.unpack import PackageCache
from script.benchmarks.engine_images import REPOSITORY
from script.benchmarks.material import write_packages
from script.benchmarks.measurement import interleave, run
from script.benchmarks.servers import static_server
from script.benchmarks.signed_channel import CHANNEL, SignedChannel
from script.benchmarks.table import Goal, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from script.benchmarks.ground import Ground

NUMBER = 12
TITLE = "late-bound start of a program over 10 packages"
PACKAGES, FILES, BYTES = 9, 120, 2_000_000
_SOURCE = "int main(void) {\n    return 0;\n}\n"
_PROGRAM = "probe"

_DOCKER, _BUBBLEWRAP, _OFFLINE = "farm run, Docker", "farm run, bubblewrap", "farm run --offline, bubblewrap"
_WHOLE = "farm run --env, Docker: the whole way"
_IMAGE, _FLOOR = "docker run of an equal image", "bwrap with the same mounts (floor)"
_WHY = "a Python program asks the repository, and is gone before Docker's own command starts"


def measure(ground: Ground, rounds: int) -> Iterator[Table]:
    """Time the starts, in four times the given number of rounds."""
    served = ground.directory / "served"
    served.mkdir()
    bench = _Bench(ground.directory)
    channel = bench.publish(ground)
    with static_server(channel.public, ground.directory / "log") as server:
        bench.farm("subscribe", server.address, CHANNEL, "--fingerprint", channel.fingerprint)
        bench.farm("image", "build", *bench.names, "--tag", _TAG, "--entrypoint", _PROGRAM)
        try:
            bench.run_late()
            contenders = {
                _DOCKER: lambda: bench.run_late("--with", "docker"),
                _BUBBLEWRAP: lambda: bench.run_late("--with", "bubblewrap"),
                _WHOLE: lambda: bench.run_late("--with", "docker", "--env", "A=1"),
                _OFFLINE: lambda: bench.run_late("--with", "bubblewrap", "--offline"),
                _IMAGE: lambda: run(["docker", "run", "--rm", "--network=none", _TAG]),
                _FLOOR: lambda: run(bench.bubblewrap()),
            }
            measured = interleave(contenders, rounds * 4)
        finally:
            connect(ground.settings.docker).remove_image(_TAG, force=True)
    goals = (Goal(_DOCKER, _IMAGE, 1.2, why=_WHY), Goal(_BUBBLEWRAP, _IMAGE, 1.2, why=_WHY))
    yield Table(f"{NUMBER}. {TITLE[0].upper()}{TITLE[1:]}", _IMAGE, tuple(measured), goals)


_TAG = f"{REPOSITORY}:late-binding"


@dataclass(frozen=True)
class _Bench:
    directory: Path

    @property
    def names(self) -> tuple[str, ...]:
        return (_PROGRAM, *(f"sample{number:02}" for number in range(PACKAGES)))

    def publish(self, ground: Ground) -> SignedChannel:
        """Publish the sample packages, and one with a program that does nothing."""
        quarry = ground.quarry()
        store = BlobStore(self.directory / "blobs")
        samples = write_packages(
            self.directory / "trees", store, quarry, count=PACKAGES, files=FILES, total=PACKAGES * BYTES
        )
        trees = {sample.name: sample.tree for sample in samples} | {_PROGRAM: self._compiled(ground.toolchain.root)}
        channel = SignedChannel(self.directory / "channel")
        channel.publish(*(channel.build(name, "1.0", trees[name]) for name in self.names))
        return channel

    def _compiled(self, toolchain: Path) -> Path:
        # In a copy, because the toolchain itself must not change.
        root, tree = self.directory / "toolchain", self.directory / "trees" / _PROGRAM
        run(["cp", "-a", toolchain, root])
        (root / "tmp").mkdir(exist_ok=True)
        (root / f"{_PROGRAM}.c").write_text(_SOURCE)
        run(["chroot", root, "gcc", "-static", "-O2", f"/{_PROGRAM}.c", "-o", f"/{_PROGRAM}"])
        (tree / "bin").mkdir(parents=True)
        (root / _PROGRAM).rename(tree / "bin" / _PROGRAM)
        return tree

    def farm(self, *arguments: str) -> None:
        places = {"FARM_STATE": self.directory / "state", "FARM_HOST": self.directory / "host"}
        run([Path(sys.executable).parent / "farm", *arguments], variables=places)

    def run_late(self, *options: str) -> None:
        self.farm("run", *options, *self.names, "--", _PROGRAM)

    def bubblewrap(self) -> list[str]:
        """Return the command that `farm run` executes, as root in a user namespace."""
        cache = PackageCache(self.directory / "host" / "packages")
        (links,) = (self.directory / "state" / "links").glob("[!.]*")
        packages = {path.name: path for path in cache.root.iterdir() if path.name.startswith((_PROGRAM, "sample"))}
        return bubblewrap_command(packages, links, RunOptions(command=(_PROGRAM,)))
