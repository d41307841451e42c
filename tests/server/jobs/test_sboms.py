"""Each package has a bill of materials from the end of its build, or from its publication if it has none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlalchemy import update

from farm.core.names.digest import Digest
from farm.server.jobs.sboms import sbom_of
from farm.server.tables.package_rows import PackageRow
from tests.farms.small import SmallFarm, recipe

if TYPE_CHECKING:
    from farm.core.plan.job import BlobRef
    from farm.server.tables.records import Package

SOURCE = f"source:\n  url: https://example.org/a-1.0.tar.gz\n  sha256: {Digest.of(b'a').hex}\n"


def _build_all(farm: SmallFarm) -> None:
    farm.application.blobs.put_bytes(b"a")  # uploaded by the worker
    farm.build_all()


def _document(farm: SmallFarm, sbom: BlobRef | None) -> dict[str, list[dict[str, object]]]:
    assert sbom is not None
    content = farm.application.blobs.read(sbom.digest)
    assert len(content) == sbom.size
    document: dict[str, list[dict[str, object]]] = json.loads(content)
    return document


def _forget(farm: SmallFarm) -> Package:
    """Make it a package from before such documents existed."""
    with farm.application.writing() as unit:
        unit.session.connection().execute(update(PackageRow).values(sbom="", sbom_size=0))
    return farm.current()["a"]


def test_it_is_made_when_the_build_has_ended(farm: SmallFarm) -> None:
    farm.submit(recipe("a", needs=("b",), more=SOURCE), recipe("b"))
    _build_all(farm)
    package = farm.current()["a"]
    document = _document(farm, package.sbom)
    assert [listed["name"] for listed in document["packages"]] == ["a", "a-1.0.tar.gz", "toolchain", "b"]
    main, source = document["packages"][:2]
    assert main["checksums"] == [{"algorithm": "SHA256", "checksumValue": package.archive.digest.hex}]
    assert source["downloadLocation"] == "https://example.org/a-1.0.tar.gz"


def test_a_package_of_before_gets_the_very_same_one_later(farm: SmallFarm) -> None:
    farm.submit(recipe("a", more=SOURCE))
    _build_all(farm)
    before = farm.current()["a"].sbom
    package = _forget(farm)
    assert package.sbom is None
    with farm.application.writing() as unit:
        assert sbom_of(unit, package) == before
    assert farm.current()["a"].sbom == before


def test_a_recipe_that_cannot_be_read_any_more_costs_the_addresses_and_no_more(farm: SmallFarm) -> None:
    farm.submit(recipe("a", more=SOURCE))
    _build_all(farm)
    package = _forget(farm)
    with farm.application.writing() as unit:
        revision = unit.session.connection().exec_driver_sql("SELECT files FROM recipe_revision").scalar()
        assert revision
        unreadable = unit.recipes.keep({"recipe.yaml": b"name: a\nsteps: [{of: yesterday}]\n"})
        unit.session.connection().exec_driver_sql(f"UPDATE recipe_revision SET files = '{unreadable}'")  # noqa: S608
    with farm.application.writing() as unit:
        document = _document(farm, sbom_of(unit, package))
    source = document["packages"][1]
    assert source["downloadLocation"] == "NOASSERTION"
    assert source["checksums"] == [{"algorithm": "SHA256", "checksumValue": Digest.of(b"a").hex}]
