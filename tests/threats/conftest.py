"""A simulator for each test, and the running farm of the web's tests for rows about the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.threats.simulator import Simulator
from tests.web.conftest import farm

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["farm"]


@pytest.fixture
def simulator(tmp_path: Path) -> Simulator:
    return Simulator(tmp_path / "farm")
