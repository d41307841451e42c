"""Row 7: one package of a channel changed and published, compared with `apt-ftparchive`, in a channel of many packages.

`farm` makes the release, brings its blobs, checks them, and signs; its peer writes a `Packages` with a cache of earlier
packages, and signs nothing. In addition, signer and checker, as processes, are asked for a release of a channel of as
many packages with a signed policy: provenance, plan, archive, and the proof of the set.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from script.benchmarks.checked_channel import CheckedChannel
from script.benchmarks.debian_pool import write_deb, write_pool
from script.benchmarks.measurement import Measurement, interleave
from script.benchmarks.synthetic_channel import SyntheticChannel
from script.benchmarks.synthetic_set import synthetic_packages
from script.benchmarks.table import Goal, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from script.benchmarks.ground import Ground
    from script.benchmarks.signed_channel import Prepared

NUMBER = 7
TITLE = "Publish one changed package of {:,}"
SIZES = (100, 10_000, 100_000)
_ALL, _WORK, _PEER = "farm: all of it", "farm: what comes before signing", "apt-ftparchive --db packages"
_CHECKED = "farm: signer and checker, asked for it"
_BUDGET = Measurement("100 ms", (0.1,))
_WHY_ASKED = "two processes are asked, and each reads and verifies the metadata that is in force by itself"
_WHY = "python-tuf's metadata are read, signed and written anew, which takes the same for any number of packages"


def measure(ground: Ground, rounds: int) -> Iterator[Table]:
    """Time a publication for each size; in the tables the peer's pool has as many packages."""
    for size in SIZES:
        ground.say(f"making a channel and a pool of {size:,} packages")
        yield _Bench(ground, size).table(rounds)


class _Bench:
    def __init__(self, ground: Ground, size: int) -> None:
        self._size = size
        self._directory = ground.directory / str(size)
        packages = synthetic_packages(size)
        write_pool(self._directory / "pool", packages)
        self._channel = SyntheticChannel(self._directory, packages)
        self._checked = CheckedChannel(self._directory / "checked", packages)
        self._asked = self._checked.next()
        self._entry = self._channel.build_next()
        self._prepared: Prepared | None = None
        self._versions = 0

    def table(self, rounds: int) -> Table:
        with self._checked.running() as signer:
            contenders = {
                _ALL: self._publish,
                _WORK: self._bring,
                _CHECKED: lambda: self._checked.sign(signer, self._asked),
                _PEER: self._index_pool,
            }
            measured = interleave(contenders, rounds, before=self._change, after=self._finish)
        prepared = self._channel.prepare([self._channel.build_next()])
        note = (
            f"The change adds {len(prepared.index)} blobs of together {sum(map(len, prepared.index)):,} bytes to the "
            "index: what a subscriber fetches who has the release before. After a start the first release takes "
            f"{self._checked.cold:.1f} s, in which the checker reads the whole channel, and it has "
            f"{self._checked.memory:,.0f} MiB then."
        )
        few = 0.1 if self._size >= 10_000 else 10
        goals = (
            Goal(_ALL, _PEER, few, why=_WHY),
            Goal(_CHECKED, _PEER, few, why=_WHY_ASKED),
            Goal(_WORK, _BUDGET.name, 1.0),
        )
        return Table(f"{NUMBER}. {TITLE.format(self._size)}", _PEER, (*measured, _BUDGET), goals, note)

    def _change(self, name: str) -> None:
        if name == _PEER:
            self._versions += 1
            write_deb(self._directory / "pool", "changing", f"1.{self._versions}")
        elif name == _CHECKED:
            self._asked = self._checked.next()
        else:
            self._entry = self._channel.build_next()

    def _publish(self) -> None:
        self._channel.publish(self._entry)

    def _bring(self) -> None:
        self._prepared = self._channel.prepare([self._entry])
        self._channel.bring(self._prepared)

    def _finish(self) -> None:
        """Sign what the other contender has left unsigned."""
        if self._prepared:
            self._channel.sign(self._prepared)
            self._prepared = None

    def _index_pool(self) -> None:
        command = ["apt-ftparchive", "--db", str(self._directory / "cache.db"), "packages", "pool"]
        with (self._directory / "Packages").open("wb") as packages:
            subprocess.run(command, cwd=self._directory, check=True, stdout=packages, stderr=subprocess.DEVNULL)
