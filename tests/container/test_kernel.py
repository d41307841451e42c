"""What a kernel reports about itself, wherever it does."""

from __future__ import annotations

import gzip
import os
from typing import TYPE_CHECKING

from farm.container.kernel import this_kernel

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = b"# Linux\nCONFIG_FUSE_FS=m\nCONFIG_TMPFS=y\n# CONFIG_NFSD is not set\nCONFIG_OFF=n\nCONFIG_HZ=250\n"
HAS = frozenset({"CONFIG_FUSE_FS", "CONFIG_TMPFS", "CONFIG_HZ"})


def test_its_own_configuration_is_complete(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/config.gz").write_bytes(gzip.compress(CONFIG))
    kernel = this_kernel(tmp_path)
    assert (kernel.release, kernel.features, kernel.complete) == (os.uname().release, HAS, True)


def test_so_is_the_one_that_was_installed_with_it(tmp_path: Path) -> None:
    (tmp_path / "boot").mkdir()
    (tmp_path / f"boot/config-{os.uname().release}").write_bytes(CONFIG)
    (tmp_path / "boot/config-0.1").write_bytes(b"CONFIG_OTHER=y\n")
    assert (this_kernel(tmp_path).features, this_kernel(tmp_path).complete) == (HAS, True)


def test_a_list_of_file_systems_says_what_is_there_and_not_what_is_not(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/filesystems").write_text("nodev\ttmpfs\nnodev\toverlay\n\text4\n")
    kernel = this_kernel(tmp_path)
    assert kernel.features == {"CONFIG_TMPFS", "CONFIG_OVERLAY_FS", "CONFIG_EXT4_FS"}
    assert not kernel.complete


def test_this_machine_answers() -> None:
    assert this_kernel().release == os.uname().release
