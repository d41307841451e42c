"""What is rebuilt because it holds a copy of changed code: from static libraries, from headers, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from farm.core.package.elf.facts import ElfFacts
from farm.core.plan.consumption import Consumption, OpenedFiles
from farm.core.plan.job import BuildOrder
from farm.server.jobs.finishing import finish_build
from farm.server.jobs.leases import claim
from farm.server.packages.code_consumers import copied_from
from farm.server.pipeline.gates.dependents import Dependents
from farm.server.tables.states import JobState
from farm.server.transaction.planning_inputs import LeasePolicy
from tests.farms.small import SmallFarm, recipe

if TYPE_CHECKING:
    from pathlib import Path

    from farm.core.policy.channel import Rebuild
    from farm.server.jobs.leases import Lease
    from farm.server.tables.session import Database

ARCHIVE, HEADER = "lib/libz.a", "include/zlib.h"
UNKNOWN = None


@dataclass
class Builders:
    """Workers that report what a test sets: the files of each recipe, and what each has opened of which other."""

    farm: SmallFarm
    files: dict[str, dict[str, str]] = field(default_factory=dict)
    opened: dict[tuple[str, str], tuple[str, ...] | None] = field(default_factory=dict)

    def build_all(self) -> list[str]:
        """Build until nothing is ready, and return what was built, in order."""
        built = []
        while lease := claim(self.farm.application, self.farm.workers["one"]):
            built.append(lease.job.name)
            self.finish(lease)
        return built

    def finish(self, lease: Lease, *, content: str = "") -> None:
        outcome = self.farm.outcome(lease, content=content, files=self.files.get(lease.job.name))
        consumed = self._consumed(lease)
        finish_build(self.farm.application, self.farm.holder(lease), outcome, check_provenance=lambda *_: consumed)

    def change(self, name: str, flag: str, **files: str) -> list[str]:
        """Submit another revision with other contents of some of its files, and return all that is built then."""
        places = {"archive": ARCHIVE, "header": HEADER}
        self.files[name] = self.files.get(name, {}) | {places[what]: content for what, content in files.items()}
        needs = ("zlib",) if name != "zlib" else ()
        self.farm.submit(recipe(name, needs=needs, flag=flag))
        return self.build_all()

    def _consumed(self, lease: Lease) -> tuple[Consumption, ...]:
        assert isinstance(lease.order, BuildOrder)
        found = []
        for dependency in lease.order.plan.dependencies:
            paths = self.opened.get((lease.job.name, dependency.name.short), ())
            if paths is UNKNOWN:
                found.append(Consumption(dependency.name, dependency.tree, is_known=False))
                continue
            static = OpenedFiles.of(path for path in paths if path.startswith("lib/"))
            headers = OpenedFiles.of(path for path in paths if path.startswith("include/"))
            found.append(Consumption(dependency.name, dependency.tree, static, headers))
        return tuple(found)


@pytest.fixture
def policy() -> Rebuild:
    return "static-consumers"


@pytest.fixture
def builders(database: Database, tmp_path: Path, policy: Rebuild) -> Builders:
    """zlib, and four dependents: linked statically, linked dynamically, untraced, and not using it."""
    farm = SmallFarm.open(database, tmp_path, LeasePolicy(rebuild=policy))
    # The versioned file of a shared library: its presence distinguishes it from a library of headers.
    farm.shape("zlib", "1.0", {"lib/libz.so.1": ElfFacts(soname="libz.so.1")})
    builders = Builders(farm, {"zlib": {ARCHIVE: "deflate", HEADER: "int deflate(void);"}})
    builders.opened = {
        ("static", "zlib"): (ARCHIVE, HEADER),
        ("dynamic", "zlib"): (HEADER,),
        ("unseen", "zlib"): UNKNOWN,
    }
    users = ("static", "dynamic", "unseen", "idle")
    farm.submit(recipe("zlib"), *(recipe(name, needs=("zlib",)) for name in users))
    assert set(builders.build_all()) == {"zlib", *users}
    return builders


def test_who_holds_a_copy_is_on_record_with_what_it_was_copied_from(builders: Builders) -> None:
    with builders.farm.application.reading() as unit:
        found = copied_from(unit.session, ["zlib"])
    assert {(copied.recipe, copied.kind) for copied in found} == {
        ("static", "static"),
        ("static", "headers"),
        ("dynamic", "headers"),
        ("unseen", "unknown"),
    }
    assert {copied.tree for copied in found} == {builders.farm.current()["zlib"].tree}


def test_a_changed_archive_rebuilds_who_copied_from_it_and_nobody_else(builders: Builders) -> None:
    assert builders.change("zlib", "x", archive="inflate") == ["zlib", "static", "unseen"]
    assert set(builders.farm.states().values()) == {JobState.SUCCEEDED}


def test_a_change_beside_the_archive_rebuilds_nobody(builders: Builders) -> None:
    assert builders.change("zlib", "x") == ["zlib"]


def test_a_changed_header_of_a_shared_library_rebuilds_only_whose_copies_are_unknown(builders: Builders) -> None:
    assert builders.change("zlib", "x", header="long deflate(void);") == ["zlib", "unseen"]


def test_what_was_rebuilt_holds_the_new_code_and_rests(builders: Builders) -> None:
    builders.change("zlib", "x", archive="inflate")
    assert builders.change("zlib", "y") == ["zlib"]
    assert builders.change("zlib", "z", archive="infer") == ["zlib", "static", "unseen"]


def test_who_does_not_copy_any_more_is_not_rebuilt(builders: Builders) -> None:
    builders.opened["static", "zlib"] = (HEADER,)
    assert builders.change("static", "shared") == ["static"]
    assert builders.change("zlib", "x", archive="inflate") == ["zlib", "unseen"]


@pytest.mark.parametrize("policy", ["interface-changed"])
class TestWhenTheInterfaceRules:
    def test_a_changed_inside_rebuilds_who_copied_it_and_nobody_else(self, builders: Builders) -> None:
        assert builders.change("zlib", "x", archive="inflate") == ["zlib", "static", "unseen"]

    def test_a_changed_header_rebuilds_all_who_need_it(self, builders: Builders) -> None:
        built = builders.change("zlib", "x", header="long deflate(void);")
        assert built == ["zlib", "dynamic", "idle", "static", "unseen"]


def test_a_library_of_headers_is_copied_by_who_reads_them(builders: Builders) -> None:
    users = (recipe(name, needs=("templates",)) for name in ("reader", "other"))
    builders.farm.submit(recipe("templates"), *users)
    builders.files["templates"] = {"include/t.hpp": "one"}
    builders.opened["reader", "templates"] = ("include/t.hpp",)
    builders.build_all()
    builders.files["templates"] = {"include/t.hpp": "two"}
    builders.farm.submit(recipe("templates", flag="x"))
    assert builders.build_all() == ["templates", "reader"]


def test_copies_of_copies_follow_until_one_comes_out_the_same(builders: Builders) -> None:
    farm = builders.farm
    farm.submit(recipe("png", needs=("zlib",)), recipe("viewer", needs=("png",)))
    builders.files["png"] = {"lib/libpng.a": "holds deflate"}
    builders.opened |= {("png", "zlib"): (ARCHIVE,), ("viewer", "png"): ("lib/libpng.a",)}
    builders.build_all()

    builders.files["png"] = {"lib/libpng.a": "holds inflate"}
    assert builders.change("zlib", "x", archive="inflate") == ["zlib", "png", "static", "unseen", "viewer"]
    # png's rebuild has the same files, so viewer, which holds its code, is not rebuilt.
    assert builders.change("zlib", "y", archive="infer") == ["zlib", "png", "static", "unseen"]


def test_a_library_that_is_only_there_for_another_is_copied_from_all_the_same(builders: Builders) -> None:
    farm = builders.farm
    farm.shape("png", "1.0", {}, requires=("soname:libz.so.1",))
    farm.submit(recipe("png", needs=("zlib",)), recipe("viewer", needs=("png",)))
    builders.opened["viewer", "zlib"] = (ARCHIVE,)
    builders.build_all()
    assert builders.change("zlib", "x", archive="inflate") == ["zlib", "static", "unseen", "viewer"]


def test_what_changes_while_it_is_being_copied_is_copied_again(builders: Builders) -> None:
    farm = builders.farm
    farm.submit(recipe("static", needs=("zlib",), flag="x"))
    at_work = farm.claim("two")
    assert builders.change("zlib", "x", archive="inflate") == ["zlib", "unseen"]
    builders.finish(at_work)
    assert builders.build_all() == ["static"]
    assert builders.build_all() == []


def test_who_holds_old_code_and_cannot_be_built_again_holds_back_the_new_code(builders: Builders) -> None:
    builders.files["zlib"] |= {ARCHIVE: "inflate"}
    builders.farm.submit(recipe("zlib", flag="x"))
    while lease := claim(builders.farm.application, builders.farm.workers["one"]):
        builders.farm.fail(lease) if lease.job.name == "static" else builders.finish(lease)
    arriving = list(builders.farm.current().values())

    with builders.farm.application.reading() as unit:
        (standing,) = (found := Dependents().check(unit, "edge", arriving)).values()
    assert found.keys() == {"zlib"}
    assert (standing.state, standing.under_way) == ("failed", False)
    assert standing.reason.startswith("static could not be built again against it: job ")

    # Another change starts that build again, though its own files are unchanged.
    assert builders.change("zlib", "y", archive="inflate") == ["zlib", "static"]
    with builders.farm.application.reading() as unit:
        assert Dependents().check(unit, "edge", list(builders.farm.current().values())) == {}
