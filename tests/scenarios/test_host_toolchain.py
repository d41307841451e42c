"""The farms of scenarios use the toolchain that this host has, and do not make it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.scenarios.farm import Farm, HostToolchain

pytestmark = [pytest.mark.docker, pytest.mark.toolchain]


def test_a_build_of_a_scenario_does_not_make_the_toolchain_again(built: Farm, toolchain: HostToolchain) -> None:
    assert built.run("toolchain", "prepare", "c").done().output.split()[1] == toolchain.blobs[0]
    assert toolchain.record.stat().st_mtime_ns == toolchain.made  # to make it is to write its record anew
