"""The ways in which a set of packages reaches a host: the farm's, apt's, ostree's, casync's, the Docker Engine's.

Each has an old and a new set ready on a server, `offer`ed one at a time under one address, and a client whose state
`begin` resets. What exists before a client connects costs nothing here: indexes, deltas, images.
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from script.benchmarks.apt_root import AptRoot, index_repository
from script.benchmarks.debian_pool import pack_deb
from script.benchmarks.measurement import run
from script.benchmarks.signed_channel import CHANNEL, SignedChannel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from script.benchmarks.material import SamplePackage
    from script.benchmarks.servers import CountingServer

OLD, NEW = "old", "new"
VERSIONS = {OLD: "1.0", NEW: "1.1"}
Sets = dict[str, "Sequence[SamplePackage]"]
"""The packages of the old and of the new set."""


class Delivery(Protocol):
    """One way of delivery."""

    name: str
    server: CountingServer

    def begin(self) -> None:
        """Offer the old set to a client that has only the address."""

    def install(self) -> None:
        """Install the whole set on the client."""

    def offer_new(self) -> None:
        """Offer the new set."""

    def upgrade(self) -> None:
        """Upgrade the client from the old set to the new one."""

    def holds(self, package: SamplePackage) -> bool:
        """Return whether the client has this build of a package, after an upgrade."""

    def clear(self) -> None:
        """Remove what the client has."""


@dataclass
class _Served:
    """A delivery of files below `folder`, which `server` serves; each set has its directory there."""

    folder: Path
    server: CountingServer
    client: Path

    _programs = "bin"

    def begin(self) -> None:
        self.clear()
        self.client.mkdir(parents=True)
        self._offer(OLD)
        self._set_up()

    def offer_new(self) -> None:
        self._offer(NEW)

    def holds(self, package: SamplePackage) -> bool:
        name = f"{package.name}-0"
        return (self.client / self._programs / name).read_bytes() == (package.tree / "bin" / name).read_bytes()

    def clear(self) -> None:
        shutil.rmtree(self.client, ignore_errors=True)

    def _offer(self, which: str) -> None:
        offered = self.folder / self._word
        offered.unlink(missing_ok=True)
        offered.symlink_to(f"{self._word}-{which}")

    def _place(self, which: str) -> Path:
        return self.folder / f"{self._word}-{which}"

    def _set_up(self) -> None:
        """Configure the server's address on the client."""

    @property
    def _address(self) -> str:
        return f"{self.server.address}/{self._word}"

    @property
    def _word(self) -> str:
        return type(self).__name__.lower()


class Farm(_Served):
    """`farm install`, `farm upgrade`: each a process of its own, with all that it fetches verified."""

    name = "farm"
    _programs = "root/usr/bin"
    _fingerprint = ""
    _names: tuple[str, ...] = ()

    def prepare(self, sets: Sets) -> None:
        """Publish both sets as releases of one channel."""
        channel = SignedChannel(self.folder.parent / "channel")
        for which in sets:
            channel.publish(
                *(channel.build(package.name, VERSIONS[which], package.tree) for package in _new_in(sets, which))
            )
            shutil.copytree(channel.public, self._place(which))
        self._fingerprint, self._names = channel.fingerprint, tuple(package.name for package in sets[NEW])

    def install(self) -> None:
        self._farm("install", "--root", self.client / "root", *self._names)

    def upgrade(self) -> None:
        self._farm("upgrade", "--root", self.client / "root")

    def _set_up(self) -> None:
        self._farm("subscribe", self._address, CHANNEL, "--fingerprint", self._fingerprint)

    def _farm(self, *arguments: str | Path) -> None:
        places = {"FARM_STATE": self.client / "state", "FARM_HOST": self.client / "host"}
        run([Path(sys.executable).parent / "farm", *arguments], variables=places)


class Apt(_Served):
    """`apt-get update` and `install` or `upgrade` into a root of its own; its repository is not signed."""

    name = "apt-get update, install or upgrade"
    _root: AptRoot

    def prepare(self, sets: Sets) -> None:
        """Write both sets as repositories with compressed indexes."""
        for which, packages in sets.items():
            place = self._place(which)
            place.mkdir()
            changed = {new_package.name for new_package in _new_in(sets, which)}
            for package in packages:
                deb = place / f"{package.name}.deb"
                if package.name in changed:
                    pack_deb(package.tree, package.name, VERSIONS[which], deb)
                else:
                    os.link(self._place(OLD) / deb.name, deb)
            run(["sh", "-c", "apt-ftparchive packages . >Packages"], cwd=place)
            index_repository(place)
            made = 1_000_000_000 + 60 * (which == NEW)  # clients distinguish them by the second
            os.utime(place / "Release", (made, made))

    def install(self) -> None:
        self._root.get("update")
        self._root.get("install", *(path.stem for path in sorted(self._place(OLD).glob("*.deb"))))

    def upgrade(self) -> None:
        self._root.get("update")
        self._root.get("upgrade")

    def _set_up(self) -> None:
        self._root = AptRoot(self.client, self._address)


class Ostree(_Served):
    """`ostree pull` of static deltas, which the server has made beforehand, and a checkout of hard links."""

    name = "ostree pull (static delta), checkout -H"
    _programs = "second/bin"

    def prepare(self, sets: Sets) -> None:
        """Commit both sets to archives, with a delta from nothing to the old one, and from that to the new one."""
        old, new = self._place(OLD), self._place(NEW)
        run(["ostree", "init", f"--repo={old}", "--mode=archive"])
        for which, packages in sets.items():
            place = self._place(which)
            if which == NEW:
                shutil.copytree(old, new)
            trees = [f"--tree=dir={package.tree}" for package in packages]
            run(["ostree", "commit", f"--repo={place}", "--branch=set", "--owner-uid=0", "--owner-gid=0", *trees])
            first = ["--empty"] if which == OLD else []
            run(["ostree", "static-delta", "generate", f"--repo={place}", *first, "set"])
            run(["ostree", "summary", f"--repo={place}", "--update"])

    def install(self) -> None:
        self._pull("first")

    def upgrade(self) -> None:
        self._pull("second")

    def _set_up(self) -> None:
        run(["ostree", "init", self._repository, "--mode=bare"])
        run(["ostree", "remote", "add", self._repository, "--no-gpg-verify", "origin", self._address])

    def _pull(self, place: str) -> None:
        run(["ostree", "pull", self._repository, "origin", "set"])
        run(["ostree", "checkout", self._repository, "-H", "origin:set", self.client / place])

    @property
    def _repository(self) -> str:
        return f"--repo={self.client / 'repository'}"


class Casync(_Served):
    """`casync extract`, with the earlier tree as a seed; its chunks are compressed with zstd."""

    name = "casync extract, --seed"
    _programs = "second/bin"

    def prepare(self, sets: Sets) -> None:
        """Cut both sets to chunks."""
        for which, packages in sets.items():
            merged, place = self.folder.parent / f"merged-{which}", self._place(which)
            merged.mkdir()
            for package in packages:
                run(["cp", "-al", f"{package.tree}/.", merged])
            place.mkdir()
            index, store = place / "set.caidx", place / "default.castr"
            run(["casync", "make", "--compression=zstd", *_PLAIN, f"--store={store}", index, merged])
            shutil.rmtree(merged)

    def install(self) -> None:
        self._extract(self.client / "first")

    def upgrade(self) -> None:
        self._extract(self.client / "second", f"--seed={self.client / 'first'}")

    def _extract(self, place: Path, *options: str) -> None:
        store = f"--store={self._address}/default.castr"
        run(["casync", "extract", *_PLAIN, store, *options, f"{self._address}/set.caidx", place])


_PLAIN = ("--with=permissions",)
"""The metadata that casync stores besides content: only modes, like the others."""


def _new_in(sets: Sets, which: str) -> list[SamplePackage]:
    """Return the packages of a set that the set before does not have."""
    before = {id(package) for package in sets[OLD]} if which == NEW else set()
    return [package for package in sets[which] if id(package) not in before]
