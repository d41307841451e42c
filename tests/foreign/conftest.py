"""The neighbours, published and served, and a host that follows the second alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from farm.client.repository.host import Host
from tests.client.web_server import serving
from tests.foreign.neighbours import FIRST, Neighbours

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def neighbours(tmp_path: Path) -> Iterator[Neighbours]:
    found = Neighbours(tmp_path)
    with serving(found.first.public) as address:
        found.address = address
        found.second.package("web", {"bin/web": "#!/usr/bin/openssl\n"}, requires=(f"{FIRST}/openssl",))
        yield found


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path / "state", tmp_path / "shared")
