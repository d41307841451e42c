from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from farm.core.package.elf.details import ElfDetails
from farm.core.package.elf.facts import ElfFacts
from farm.core.policy.gates.hardening import HardeningGate
from farm.server.jobs.hardening import hardening_of
from farm.server.pipeline.gates.policy_gates import package_gate
from tests.farms.small import recipe

if TYPE_CHECKING:
    from tests.server.pipeline.gates.conftest import GatedChannel

LAZY = ElfFacts(soname="libx.so.1", details=ElfDetails(hardening=("relro",), build_id="ab"))
FIXED = ElfFacts(interpreter="/lib64/ld.so", details=ElfDetails("executable", hardening=("bind-now", "relro")))
WAIVER = """\
hardening:
  waive:
    - {property: bind-now, files: lib/*, reason: it is loaded by hand}
    - {property: pie, files: bin/x, reason: it is a boot loader}
"""


@pytest.fixture
def lazy(entrance: GatedChannel) -> GatedChannel:
    """The library and the program of `a` are built without hardening."""
    entrance.farm.shape("a", "2.0", {"lib/libx.so.1": LAZY, "bin/x": FIXED})
    entrance.farm.submit(recipe("a", version="2.0"))
    entrance.farm.build_all()
    return entrance


def test_a_package_that_lacks_something_stays_out_with_file_and_property(lazy: GatedChannel) -> None:
    standing = lazy.ask(package_gate(HardeningGate()))
    assert standing.keys() == {"a"}
    assert standing["a"].state == "failed"
    assert standing["a"].reason == "bin/x lacks pie; lib/libx.so.1 lacks bind-now"


def test_a_recipe_waives_it_without_being_built_again(lazy: GatedChannel) -> None:
    lazy.farm.submit(recipe("a", version="2.0", more=WAIVER))
    assert lazy.farm.build_all() == []
    assert lazy.ask(package_gate(HardeningGate())) == {}
    with lazy.farm.application.reading() as unit:
        found = hardening_of(unit, lazy.arrivals["a"])
    assert {(finding.path, finding.property, finding.waived) for finding in found if finding.lacking} == {
        ("bin/x", "pie", "it is a boot loader"),
        ("lib/libx.so.1", "bind-now", "it is loaded by hand"),
    }


def test_the_recipe_of_another_version_waives_nothing(lazy: GatedChannel) -> None:
    built = lazy.arrivals["a"]
    lazy.farm.submit(recipe("a", version="3.0", more=WAIVER))
    with lazy.farm.application.reading() as unit:
        assert all(finding.waived == "" for finding in hardening_of(unit, built))


def test_what_compilers_were_told_is_read_from_the_debug_package_of_the_same_build(entrance: GatedChannel) -> None:
    good = ElfFacts(soname="libx.so.1", details=ElfDetails(hardening=("bind-now", "relro"), build_id="ab"))
    entrance.farm.shape("a", "2.0", {"lib/libx.so.1": good})
    entrance.farm.submit(recipe("a", version="2.0"))
    entrance.farm.finish(entrance.farm.claim(), debug="x", producers=("GNU C17 14.2.0 -O2 -fstack-clash-protection",))
    assert entrance.ask(package_gate(HardeningGate()))["a"].reason == "lib/libx.so.1 lacks stack-protector"


def test_of_many_files_the_first_are_named_and_the_others_counted(entrance: GatedChannel) -> None:
    entrance.farm.shape("a", "2.0", {f"lib/lib{number}.so": LAZY for number in range(7)})
    entrance.farm.submit(recipe("a", version="2.0"))
    entrance.farm.build_all()
    reason = entrance.ask(package_gate(HardeningGate()))["a"].reason
    assert reason.count("lacks bind-now") == 5
    assert reason.endswith("; 2 more files lack something")
