"""A published distribution of three packages, and a host that may subscribe to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from farm.client.host import Host
from tests.client.distribution import SmallDistribution

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def distribution(tmp_path: Path) -> SmallDistribution:
    distribution = SmallDistribution(tmp_path / "distribution")
    distribution.package("greet", {"bin/greet": "#!/usr/bin/say\n", "share/greet/words/hello": "hello\n"})
    distribution.package("say", {"bin/say": "\x7fnot elf", "etc/say.conf": "loud\n"})
    distribution.package("alone", {"share/alone/file": "alone\n"})
    distribution.publish()
    return distribution


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path / "state", tmp_path / "shared")
