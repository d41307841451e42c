"""The place where the workloads run: a tmpfs of their own, with the toolchain that is their raw material."""

from __future__ import annotations

import shutil
import sys
import tempfile
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from farm.cli.local_builds import prepare_toolchains
from farm.cli.recipes_option import read_tree
from farm.container.mounts import mount_tmpfs, unmount_below

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.build.toolchain.toolchain import Toolchain
    from farm.cli.settings import Settings

TMPFS_BYTES = 6 << 30
_INODES = 2_000_000


class Ground:
    """The directory of one workload, on a tmpfs; and what all workloads of a run share."""

    def __init__(self, directory: Path, settings: Settings) -> None:
        self.directory = directory
        self.settings = settings

    @cached_property
    def toolchain(self) -> Toolchain:
        """The toolchain `c` of this host, made if necessary."""
        return prepare_toolchains(read_tree(None), self.settings, ("c",))[0]

    def say(self, text: str) -> None:
        """Print progress."""
        print(f"bench: {text}", file=sys.stderr, flush=True)

    def quarry(self) -> bytes:
        """Return the contents of the toolchain's files in one piece: real programs, headers, texts.

        The same for the same lock, on every machine. Some 300 MB; release it before measuring.
        """
        root = self.toolchain.root
        return b"".join((root / file.path).read_bytes() for file in self.toolchain.manifest.files())


@contextmanager
def ground(settings: Settings) -> Iterator[Ground]:
    """Mount a tmpfs for one workload; unmount and remove it afterwards. Raises `MountError` without root."""
    directory = Path(tempfile.mkdtemp(prefix="farm-measured-"))
    try:
        mount_tmpfs(directory, size=TMPFS_BYTES, inodes=_INODES, owner=0)
        yield Ground(directory, settings)
    finally:
        unmount_below(directory)
        shutil.rmtree(directory)
