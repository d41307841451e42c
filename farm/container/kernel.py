"""This machine's kernel: its release, and the options that it was built with, as far as they are known."""

from __future__ import annotations

import gzip
import os
import re
from contextlib import suppress
from pathlib import Path

from farm.core.sets.needs.host import Kernel

_SET = re.compile(rb"^(CONFIG_[A-Z0-9_]+)=(.)", re.MULTILINE)
# A listed file system is there; another may be a module that is not loaded.
_FILE_SYSTEMS = {
    "btrfs": "CONFIG_BTRFS_FS", "ext4": "CONFIG_EXT4_FS", "fuse": "CONFIG_FUSE_FS", "overlay": "CONFIG_OVERLAY_FS",
    "squashfs": "CONFIG_SQUASHFS", "tmpfs": "CONFIG_TMPFS", "xfs": "CONFIG_XFS_FS", "bpf": "CONFIG_BPF_SYSCALL",
    "cgroup2": "CONFIG_CGROUPS", "mqueue": "CONFIG_POSIX_MQUEUE", "erofs": "CONFIG_EROFS_FS", "9p": "CONFIG_9P_FS",
}  # fmt: skip


def this_kernel(root: Path = Path("/")) -> Kernel:
    """Return this machine's kernel. `root` is the directory with `/proc` and `/boot`."""
    release = os.uname().release
    config = _config(root, release)
    if config is not None:
        return Kernel(release, frozenset(name.decode() for name, value in _SET.findall(config) if value != b"n"))
    listed: list[str] = []
    with suppress(OSError):
        listed = (root / "proc/filesystems").read_text().split()
    return Kernel(release, frozenset(_FILE_SYSTEMS[name] for name in listed if name in _FILE_SYSTEMS), complete=False)


def _config(root: Path, release: str) -> bytes | None:
    with suppress(OSError, EOFError):
        return gzip.decompress((root / "proc/config.gz").read_bytes())
    for place in (f"boot/config-{release}", f"lib/modules/{release}/config"):
        with suppress(OSError):
            return (root / place).read_bytes()
    return None
