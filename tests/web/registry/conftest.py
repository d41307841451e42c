"""A published distribution of four packages, and its registry. `marker` makes blobs that no engine here has yet."""

from __future__ import annotations

import secrets
import shutil
from typing import TYPE_CHECKING

import pytest

from farm.database.session import Database
from tests.client.distribution import SmallDistribution
from tests.web.registry.running import RunningRegistry, running_registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def database(tmp_path: Path, migrated_sqlite: Path) -> Iterator[Database]:
    """One kind is enough: the registry asks no database."""
    shutil.copyfile(migrated_sqlite, tmp_path / "farm.db")
    database = Database(f"sqlite:///{tmp_path}/farm.db")
    yield database
    database.close()


@pytest.fixture
def marker() -> str:
    return secrets.token_hex(8)


@pytest.fixture
def distribution(tmp_path: Path, marker: str) -> SmallDistribution:
    distribution = SmallDistribution(tmp_path / "distribution")
    distribution.package("greet", {"bin/greet": "#!/usr/bin/say\n", "share/greet/words/hello": f"hello {marker}\n"})
    distribution.package("say", {"bin/say": "\x7fnot elf", "etc/say.conf": f"loud {marker}\n"})
    distribution.package("alone", {"share/alone/file": f"alone {marker}\n" * 4000})
    distribution.package("c++", {"share/c++/file": f"plus {marker}\n"})
    distribution.publish()
    return distribution


@pytest.fixture
def registry(database: Database, tmp_path: Path, distribution: SmallDistribution) -> Iterator[RunningRegistry]:
    with running_registry(database, tmp_path / "farm", distribution.public) as registry:
        yield registry
