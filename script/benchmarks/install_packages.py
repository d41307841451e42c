"""Row 3: fifty packages of 30,000 files onto a disk: verified unpacking, then the links through which they are used.

All unpack the same archives, those of `farm`, except dpkg, pacman and ostree, which get the same trees in their own
form.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from farm.client.root.generations import write_forest
from farm.core.fileset.forest import ForestPackage, build_forest
from farm.store.blobs import BlobStore
from farm.store.unpack import PackageCache
from script.benchmarks.debian_pool import pack_deb
from script.benchmarks.material import write_packages
from script.benchmarks.measurement import interleave, run
from script.benchmarks.table import Goal, Table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.core.fileset.forest import Forest
    from script.benchmarks.ground import Ground
    from script.benchmarks.material import SamplePackage

NUMBER = 3
TITLE = "install 50 packages of 30,000 files"
PACKAGES, FILES, BYTES = 50, 600, 255_000_000

_FLOOR, _XARGS = "tar -x of one plain tar (floor)", "tar -I zstd, xargs -P2"
_WHY = "every header is read strictly, encoded again and compared, and every content hashed; tar believes what it reads"
_UNPACK, _LINKS = "farm: verified unpacking", "farm: links, folded"


def measure(ground: Ground, rounds: int) -> Iterator[Table]:
    """Time the unpacking, and the links."""
    store = BlobStore(ground.directory / "blobs")
    packages = write_packages(
        ground.directory / "trees", store, ground.quarry(), count=PACKAGES, files=FILES, total=BYTES
    )
    bench = _Bench(ground.directory, store, packages)
    bench.prepare_peers()
    out = bench.out
    measured = interleave(
        {
            _UNPACK: bench.unpack,
            _LINKS: bench.link,
            _FLOOR: lambda: run(["tar", "-C", out, "-xf", bench.plain]),
            _XARGS: lambda: bench.spread("tar", "-I", "zstd", "-C", out, "-xf", paths=bench.archives),
            "dpkg-deb -x, xargs -P2": lambda: bench.spread("sh", "-c", 'dpkg-deb -x "$1" out', "sh", paths=bench.debs),
            "dpkg --force-unsafe-io -i": bench.dpkg,
            "pacman -U": bench.pacman,
            "ostree checkout -H": bench.ostree,
        },
        rounds,
        before=lambda _: out.mkdir(),
        after=lambda: shutil.rmtree(out),
    )
    goals = (Goal(_UNPACK, _XARGS, 1.0, why=_WHY), Goal(_LINKS, _FLOOR, 0.2))
    forest = bench.forest()
    note = f"{len(forest.links):,} links and {len(forest.directories)} directories stand for all files of the packages."
    yield Table(f"{NUMBER}. {TITLE[0].upper()}{TITLE[1:]}", _FLOOR, tuple(measured), goals, note, processor=True)


def _unpack(cache: PackageCache, store: BlobStore, package: SamplePackage) -> None:
    captured = package.captured
    cache.ensure(package.store, captured.tree, partial(store.open, captured.archive.digest))


class _Bench:
    """The packages in every contender's form, and a directory `out` that is empty before each turn."""

    def __init__(self, directory: Path, store: BlobStore, packages: list[SamplePackage]) -> None:
        self.directory = directory
        self.out = directory / "out"
        self.plain = directory / "all.tar"
        self.archives = [store.path(package.captured.archive.digest) for package in packages]
        self.debs: list[Path] = []
        self._store = store
        self._packages = packages

    def unpack(self) -> None:
        context = multiprocessing.get_context("fork")
        with ProcessPoolExecutor(mp_context=context) as pool:
            list(pool.map(partial(_unpack, PackageCache(self.out), self._store), self._packages))

    def forest(self) -> Forest:
        return build_forest(
            [
                ForestPackage(owner=package.store, name=package.name, manifest=package.captured.manifest)
                for package in self._packages
            ]
        )

    def link(self) -> None:
        write_forest(self.out, self.forest(), up=0)

    def spread(self, *command: str | Path, paths: list[Path]) -> None:
        names = b"\0".join(os.fsencode(path) for path in paths)
        run(["xargs", "-0", "-n1", "-P2", *command], cwd=self.directory, stdin=names)

    def prepare_peers(self) -> None:
        run(["tar", "-C", self.directory / "trees", "-cf", self.plain, "."])
        repository = self.directory / "ostree"
        run(["ostree", "init", f"--repo={repository}", "--mode=bare"])
        run(["mkdir", self.directory / "debs", self.directory / "pacman"])
        for package in self._packages:
            run(["ostree", "commit", f"--repo={repository}", f"--branch={package.name}", f"--tree=dir={package.tree}"])
            self.debs.append(self._make_deb(package))
            self._make_pacman(package)
        (self.directory / "pacman.conf").write_text("[options]\nArchitecture = x86_64\nSigLevel = Never\n")

    def _make_deb(self, package: SamplePackage) -> Path:
        deb = self.directory / "debs" / f"{package.name}.deb"
        pack_deb(package.tree, package.name, "1.0", deb)
        return deb

    def _make_pacman(self, package: SamplePackage) -> None:
        information = self.directory / ".PKGINFO"
        information.write_text(f"pkgname = {package.name}\npkgver = 1.0-1\narch = any\nsize = 1\n")
        archive = self.directory / "pacman" / f"{package.name}-1.0-1-any.pkg.tar.zst"
        members: list[str | Path] = [
            information.name,
            "-C",
            package.tree,
            *sorted(path.name for path in package.tree.iterdir()),
        ]
        run(["tar", "-I", "zstd -3", "--owner=0", "--group=0", "-cf", archive, "-C", self.directory, *members])

    def dpkg(self) -> None:
        for name in ("info", "updates"):
            (self.out / "var" / "lib" / "dpkg" / name).mkdir(parents=True)
        (self.out / "var" / "lib" / "dpkg" / "status").touch()
        run(["dpkg", f"--root={self.out}", "--force-unsafe-io", "--install", *self.debs])

    def pacman(self) -> None:
        (self.out / "db").mkdir()
        options: list[str | Path] = [
            "--root",
            self.out,
            "--dbpath",
            self.out / "db",
            "--config",
            self.directory / "pacman.conf",
        ]
        packages = sorted((self.directory / "pacman").iterdir())
        run(["pacman", "--noconfirm", *options, "--logfile", self.out / "log", "-U", *packages])

    def ostree(self) -> None:
        repository = f"--repo={self.directory / 'ostree'}"
        for package in self._packages:
            run(["ostree", "checkout", repository, "-H", "--union", package.name, self.out])
