"""A published distribution of four packages, and its registry. `marker` makes blobs that no engine here has yet."""

from __future__ import annotations

import secrets
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from farm.server.tables.session import Database
from tests.client.distribution import SmallDistribution
from tests.web.registry.running import RunningRegistry, running_registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def database(tmp_path: Path, migrated_sqlite: Path) -> Iterator[Database]:
    with copied(migrated_sqlite, tmp_path) as database:
        yield database


@pytest.fixture
def marker() -> str:
    return secrets.token_hex(8)


@pytest.fixture
def distribution(tmp_path: Path, marker: str) -> SmallDistribution:
    return published(tmp_path, marker)


@pytest.fixture
def registry(database: Database, tmp_path: Path, distribution: SmallDistribution) -> Iterator[RunningRegistry]:
    with running_registry(database, tmp_path / "farm", distribution.public) as registry:
        yield registry


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path) -> Iterator[RunningRegistry]:
    """The registry of an unchanging distribution, for all tests of a module that only read."""
    folder = tmp_path_factory.mktemp("quiet")
    distribution = published(folder, secrets.token_hex(8))
    with (
        copied(migrated_sqlite, folder) as database,
        running_registry(database, folder / "farm", distribution.public) as registry,
    ):
        yield registry


@contextmanager
def copied(migrated: Path, folder: Path) -> Iterator[Database]:
    # One kind is enough: the registry uses no database.
    shutil.copyfile(migrated, folder / "farm.db")
    database = Database(f"sqlite:///{folder}/farm.db")
    yield database
    database.close()


def published(folder: Path, marker: str) -> SmallDistribution:
    distribution = SmallDistribution(folder / "distribution")
    distribution.package("greet", {"bin/greet": "#!/usr/bin/say\n", "share/greet/words/hello": f"hello {marker}\n"})
    distribution.package("say", {"bin/say": "\x7fnot elf", "etc/say.conf": f"loud {marker}\n"})
    distribution.package("alone", {"share/alone/file": f"alone {marker}\n" * 4000})
    distribution.package("c++", {"share/c++/file": f"plus {marker}\n"})
    distribution.publish()
    return distribution
