"""What is stored of other distributions: where a release was last seen, and where archives are fetched from."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from farm.core.names.digest import Digest
from farm.core.plan.job import BlobRef
from farm.server.federation import imported
from farm.server.packages import packages
from farm.server.tables.records import ImportedPackageRecord
from tests.farms.small import SmallFarm

if TYPE_CHECKING:
    from pathlib import Path

    from farm.server.federation.imported import ImportedRelease
    from farm.server.tables.session import Database
    from farm.server.transaction.unit_of_work import UnitOfWork

OTHER = "other.example"
HERE, THERE = "https://here.example/", "https://there.example/"
ROOT, RELEASE = Digest.of(b"root"), Digest.of(b"release")
BLOB = BlobRef(Digest.of(b"blob"), 1)
OPENSSL = ImportedPackageRecord(
    name=f"{OTHER}/openssl",
    digest=BLOB.digest,
    descriptor=BLOB,
    version="3.0",
    revision=1,
    tree=BLOB.digest,
    manifest=BLOB,
    facts=BLOB,
    archive=BLOB,
    needs=(),
)


@pytest.fixture
def farm(database: Database, tmp_path: Path) -> SmallFarm:
    return SmallFarm.open(database, tmp_path)


def see(unit: UnitOfWork, address: str, *, digest: Digest = RELEASE, number: int = 1) -> ImportedRelease:
    return imported.add_release(
        unit.session,
        digest=digest,
        distribution=OTHER,
        channel="edge",
        number=number,
        root=ROOT,
        address=address,
        now=unit.now,
    )


def test_a_distribution_that_moves_and_moves_back_is_where_it_was_seen_last(farm: SmallFarm) -> None:
    for address in (HERE, THERE, HERE, HERE):
        with farm.application.writing() as unit:
            seen = see(unit, address)
        with farm.application.reading() as unit:
            assert imported.newest_release(unit.session, OTHER, "edge", ROOT) == seen
            assert seen.address == address
    with farm.application.writing() as unit:
        assert see(unit, HERE) == seen, "seen in the same place again, it is the same"


def test_a_release_that_comes_back_after_another_is_the_newest_again(farm: SmallFarm) -> None:
    with farm.application.writing() as unit:
        see(unit, HERE)
        see(unit, HERE, digest=Digest.of(b"two"), number=2)
        again = see(unit, HERE)
        assert imported.newest_release(unit.session, OTHER, "edge", ROOT) == again
        assert again.digest == RELEASE


def test_an_archive_that_is_waited_for_is_fetched_from_where_its_distribution_has_moved(farm: SmallFarm) -> None:
    for address in (HERE, THERE):
        with farm.application.writing() as unit:
            imported.add_packages(unit.session, see(unit, address).id, [OPENSSL])
            imported.want_archive(unit.session, OPENSSL)
            assert imported.wanted_archives(unit.session) == [(OPENSSL.name, address, BLOB)]


def test_a_package_of_several_releases_is_given_as_the_newest_has_it(farm: SmallFarm) -> None:
    newer = replace(OPENSSL, needs=(f"{OTHER}/zlib",))
    with farm.application.writing() as unit:
        old, new = see(unit, HERE), see(unit, HERE, digest=Digest.of(b"two"), number=2)
        imported.add_packages(unit.session, new.id, [newer])
        imported.add_packages(unit.session, old.id, [OPENSSL])
        assert imported.packages_by_digest(unit.session, [BLOB.digest]) == {BLOB.digest: newer}
        assert imported.package(unit.session, BLOB.digest) == newer


def test_packages_are_asked_for_by_more_digests_than_a_statement_takes(farm: SmallFarm) -> None:
    digests = [Digest.of(b"%d" % number) for number in range(70_000)]
    with farm.application.reading() as unit:
        driver = unit.session.connection().connection.driver_connection
        if isinstance(driver, sqlite3.Connection):
            driver.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 32_766)  # SQLite's default; Debian's is higher
        assert packages.by_digest(unit.session, digests) == {}
        assert imported.packages_by_digest(unit.session, digests) == {}
