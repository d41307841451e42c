"""The farms of scenarios use the toolchain that this host has, and do not make it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.scenarios.farm import Farm, HostToolchain

pytestmark = [pytest.mark.docker, pytest.mark.toolchain]


def test_a_toolchain_of_this_host_is_not_made_again(farm: Farm, toolchain: HostToolchain) -> None:
    before = toolchain.record.stat()
    assert toolchain.blobs[0] in farm.run("toolchain", "prepare", "c").done().output
    after = toolchain.record.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)  # it would be replaced
