"""The index of files that builds look for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.buildlog.error_kind import ErrorKind
from farm.core.fileset.manifest import File, Manifest
from farm.core.names.digest import Digest
from farm.server.packages.provided_files import add_provided, provider_of
from tests.server.pipeline.test_verdicts import statements

if TYPE_CHECKING:
    from tests.farms.small import SmallFarm


def manifest(*paths: str) -> Manifest:
    return Manifest.of([File(path, 1, Digest.of(b"x")) for path in paths])


def test_what_is_known_is_looked_up_by_path_and_added_once(farm: SmallFarm) -> None:
    for paths in (["include/one.h"], ["include/one.h", "include/two.h"], []):
        with statements(farm.application.database) as made, farm.application.writing() as unit:
            add_provided(unit.session, "low", manifest(*paths))
        asked = [line for line in made if line.startswith("SELECT provided_file")]
        assert all("provided_file.path IN" in line for line in asked), "all files of the package are read"
        assert len(asked) == bool(paths)
    with farm.application.reading() as unit:
        assert provider_of(unit.session, ErrorKind.MISSING_HEADER, "two.h") == "low"
