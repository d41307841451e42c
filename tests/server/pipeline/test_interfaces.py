"""The gate `abi`: a library with another interface is released only with dependents built against it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from farm.core.names.digest import Digest
from farm.core.package.elf.details import ElfDetails
from farm.core.plan.abi import AbiOrder, AbiOutcome, AbiVerdict, UndescribedSymbols
from farm.core.plan.job import BlobRef, TestOutcome
from farm.core.policy.channel import ChannelPolicy
from farm.core.policy.gate_kind import GateKind
from farm.core.policy.gates.set_gates import AbiGate, ProofGate, TestsGate
from farm.server.channels import candidates
from farm.server.curation import holds
from farm.server.jobs.finishing import fail, finish_comparison, finish_test
from farm.server.jobs.leases import claim
from farm.server.pipeline.gates.standing_gates import Holds
from farm.server.pipeline.pipeline import Pipeline
from farm.server.tables.evidence import InterfaceEvidence
from farm.server.tables.pipeline_states import GateState
from farm.server.tables.states import JobKind
from farm.server.transaction.planning_inputs import ToolchainRef
from tests.core.sets.values import elf
from tests.farms.small import WORLD, recipe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from farm.server.pipeline.candidates.status import ChannelStatus
    from tests.farms.releasing import ReleasingFarm

EDGE = ChannelPolicy("edge", (ProofGate(), AbiGate(), TestsGate()))
COMPATIBLE, CHANGED, NOT_JUDGED = AbiVerdict.COMPATIBLE, AbiVerdict.CHANGED, AbiVerdict.NOT_JUDGED
UNREADABLE = AbiVerdict.UNREADABLE
ABI = ToolchainRef("abi", Digest.of(b"abi"), BlobRef(Digest.of(b"abi archive"), 10), BlobRef(Digest.of(b"abi"), 10), {})
REPORT = (
    "Functions changes summary: 0 Removed, 1 Changed, 0 Added function",
    "  [C] 'function int area(int)' has some indirect sub-type changes:",
    "    parameter 1 of type 'int' changed:",
    "      type name changed from 'int' to 'double'",
)


def library(build: str):
    return replace(elf(soname="libshape.so.1", exports=["area"]), details=ElfDetails(build_id=build))


class Shapes:
    """A library `shape` and a program `draw` that loads it, on a channel that requires the gate abi."""

    def __init__(self, releasing: ReleasingFarm, repository: Path, *, toolchain: bool = True) -> None:
        self.farm = releasing
        self.opens({**WORLD.toolchains, **({"abi": ABI} if toolchain else {})}, repository)
        self.farm.debug_data, self.farm.producers = True, ("GNU C17 14.2.0 -g -O2",)
        self.compared: list[AbiOrder] = []
        for version in ("1.0", "1.1", "1.2"):
            self.farm.shape("shape", version, {"lib/libshape.so.1": library(version)})
        for version in ("1.0", "1.1"):
            program = replace(
                elf(needs=["libshape.so.1"], imports=["area"]), details=ElfDetails(build_id=f"d{version}")
            )
            self.farm.shape("draw", version, {"bin/draw": program})

    def opens(self, toolchains: Mapping[str, ToolchainRef], repository: Path) -> None:
        self.farm.application = replace(self.farm.application, inputs=replace(WORLD, toolchains=toolchains))
        self.farm.pipeline = Pipeline(self.farm.application, EDGE, repository, self.farm.signer, gates=[Holds()])

    def submit(self, **versions: str) -> None:
        needs = {"shape": (), "draw": ("shape",)}
        self.farm.submit(*(recipe(name, version=version, needs=needs[name]) for name, version in versions.items()))

    def settle(
        self,
        verdict: AbiVerdict | Callable[[AbiOrder], AbiVerdict] = COMPATIBLE,
        *,
        undescribed: tuple[str, ...] = (),
    ) -> ChannelStatus:
        for _ in range(30):
            self.farm.build_all_but_tests()
            self.farm.pipeline.advance()
            while lease := claim(self.farm.application, self.farm.workers["one"]):
                holder = self.farm.holder(lease)
                if isinstance(lease.order, AbiOrder):
                    assert lease.toolchain == ABI
                    self.compared.append(lease.order)
                    found = verdict if isinstance(verdict, AbiVerdict) else verdict(lease.order)
                    reason = {
                        NOT_JUDGED: "abidiff ended with status 1",
                        UNREADABLE: "abidw ended with status 134, for both libraries",
                    }.get(found, "")
                    report = REPORT if found is CHANGED else ()
                    outcome = AbiOutcome(
                        verdict=found,
                        exit=4 if found is CHANGED else 0,
                        log=Digest.of(b"log"),
                        report=report,
                        reason=reason,
                        undescribed=UndescribedSymbols(len(undescribed), undescribed),
                    )
                    finish_comparison(self.farm.application, holder, outcome)
                else:
                    finish_test(self.farm.application, holder, TestOutcome(True, 0, "", Digest.of(b"log")))
            status = self.farm.status()
            if status.settled:
                return status
        raise AssertionError("the channel does not settle")

    def gate(self) -> tuple[GateState, str]:
        with self.farm.application.reading() as unit:
            latest = candidates.latest_candidate(unit.session, "edge")
            assert latest is not None
            (found,) = [
                result for result in candidates.gate_results(unit.session, latest.id) if result.gate is GateKind.ABI
            ]
            return found.state, found.summary


@pytest.fixture
def shapes(releasing: ReleasingFarm, tmp_path: Path) -> Shapes:
    made = Shapes(releasing, tmp_path / "public")
    made.submit(shape="1.0", draw="1.0")
    made.settle()
    assert made.farm.versions() == {"draw": "1.0", "draw-debug": "1.0", "shape": "1.0", "shape-debug": "1.0"}
    return made


def test_a_first_release_has_nothing_to_compare(shapes: Shapes) -> None:
    assert shapes.compared == []
    assert shapes.gate() == (GateState.PASSED, "no interface had to be compared")


def test_a_library_of_another_interface_is_held_and_the_excuse_says_what_has_changed(shapes: Shapes) -> None:
    shapes.submit(shape="1.1")
    shapes.settle(CHANGED)
    assert shapes.farm.versions()["shape"] == "1.0"
    excuse = shapes.farm.excuses()["shape"]
    assert excuse.gate is GateKind.ABI
    assert excuse.reason == (
        "libshape.so.1 of shape 1.1-1 has a different interface from the build that draw 1.0-1 was built against: "
        "[C] 'function int area(int)' has some indirect sub-type changes: parameter 1 of type 'int' changed: "
        "type name changed from 'int' to 'double'"
    )
    assert excuse.remedy.startswith("Keep the interface, or submit a new revision of draw as well")
    assert isinstance(excuse.evidence, InterfaceEvidence)
    assert shapes.gate() == (GateState.FAILED, "1 package held back")


def test_it_comes_in_with_a_dependent_that_was_built_against_it(shapes: Shapes) -> None:
    shapes.submit(shape="1.1")
    shapes.settle(CHANGED)
    shapes.submit(draw="1.1")
    shapes.settle(CHANGED)
    versions = shapes.farm.versions()
    assert (versions["shape"], versions["draw"]) == ("1.1", "1.1")
    assert shapes.farm.excuses() == {}


def test_both_move_as_one_also_where_something_else_is_held_back(shapes: Shapes) -> None:
    shapes.farm.shape("wreck", "1.0", {"bin/wreck": elf(needs=["libnowhere.so.1"])})
    needs = {"shape": (), "draw": ("shape",), "wreck": ()}
    versions = {"shape": "1.1", "draw": "1.1", "wreck": "1.0"}
    shapes.farm.submit(*(recipe(name, version=version, needs=needs[name]) for name, version in versions.items()))
    shapes.settle(CHANGED)
    versions = shapes.farm.versions()
    assert (versions["shape"], versions["draw"]) == ("1.1", "1.1")
    assert set(shapes.farm.excuses()) == {"wreck"}


def test_a_rebuilt_dependent_does_not_come_in_without_the_library_that_it_was_built_against(shapes: Shapes) -> None:
    shapes.submit(shape="1.1")
    shapes.settle(CHANGED)
    with shapes.farm.application.writing() as unit:
        holds.add_hold(unit.session, "edge", "shape", reason="it is looked at", held_by="curator", now=unit.now)
    shapes.submit(draw="1.1")
    shapes.settle(CHANGED)
    versions = shapes.farm.versions()
    assert (versions["shape"], versions["draw"]) == ("1.0", "1.0")
    assert shapes.farm.excuses()["draw"].reason == "curator holds it on edge: it is looked at"


def test_an_equal_interface_comes_in_without_a_rebuild_and_is_compared_once(shapes: Shapes) -> None:
    shapes.submit(shape="1.1")
    shapes.settle(COMPATIBLE)
    assert shapes.farm.versions()["shape"] == "1.1"
    assert len(shapes.compared) == 1
    assert shapes.gate() == (GateState.PASSED, "1 interface compared")
    # The comparison is with what the program was built against, not with the channel's last release.
    shapes.submit(shape="1.2")
    shapes.settle(COMPATIBLE)
    first, second = shapes.compared
    assert second.before == first.before
    assert second.after != first.after


def test_what_a_worker_could_not_compare_is_held(shapes: Shapes) -> None:
    shapes.submit(shape="1.1")
    shapes.settle(NOT_JUDGED)
    assert shapes.farm.versions()["shape"] == "1.0"
    assert "could not be compared with the build that draw 1.0-1" in shapes.farm.excuses()["shape"].reason


def test_what_no_tool_can_read_on_either_side_is_named_and_holds_nothing(shapes: Shapes) -> None:
    shapes.submit(shape="1.1")
    shapes.settle(UNREADABLE)
    assert shapes.farm.versions()["shape"] == "1.1"
    assert shapes.gate() == (
        GateState.PASSED,
        (
            "no interface had to be compared, 1 not judged: "
            "libshape.so.1 of shape 1.1-1: abidw ended with status 134, for both libraries"
        ),
    )


def test_without_debug_data_nothing_is_judged_and_that_is_said(shapes: Shapes) -> None:
    shapes.farm.debug_data = False
    shapes.submit(shape="1.1")
    shapes.settle(CHANGED)
    assert shapes.compared == []
    assert shapes.gate() == (
        GateState.PASSED,
        (
            "no interface had to be compared, 1 not judged: "
            "libshape.so.1 of shape 1.1-1: shape 1.1-1 has no debug data for lib/libshape.so.1"
        ),
    )


def test_symbols_that_were_not_compared_are_named_and_hold_nothing(shapes: Shapes) -> None:
    shapes.submit(shape="1.1")
    shapes.settle(COMPATIBLE, undescribed=("area", "reach"))
    assert shapes.farm.versions()["shape"] == "1.1"
    assert shapes.gate() == (
        GateState.PASSED,
        (
            "1 interface compared, 1 not judged: "
            "libshape.so.1 of shape 1.1-1: 2 of its symbols were not compared, because its debug data do not describe "
            "them: area, reach"
        ),
    )


@pytest.mark.parametrize("producer", ["GNU C17 14.2.0 -O2 -g1", "GNU C17 14.2.0 -ggdb1 -O2", "GNU C17 14.2.0"])
def test_debug_data_that_may_lack_types_is_compared_and_not_taken_for_the_whole(shapes: Shapes, producer: str) -> None:
    shapes.farm.producers = (producer, "GNU C17 14.2.0 -g -O2")
    shapes.submit(shape="1.1")
    shapes.settle(COMPATIBLE)
    state, summary = shapes.gate()
    assert state is GateState.PASSED
    assert summary.startswith("1 interface compared, 1 not judged: libshape.so.1 of shape 1.1-1: parts of")
    assert "lib/libshape.so.1 in shape 1.1-1" in summary


def test_who_was_built_without_the_library_is_not_judged(shapes: Shapes) -> None:
    shapes.farm.submit(recipe("draw", version="1.1"))
    shapes.settle()
    assert shapes.gate()[1] == (
        "no interface had to be compared, 1 not judged: libshape.so.1 of shape 1.0-1: "
        "no package that draw 1.1-1 was built with had such a library; perhaps the toolchain did"
    )


@pytest.mark.parametrize("same", [True, False])
def test_what_the_toolchain_brought_to_the_build_is_the_same_as_what_is_made_of_its_packages(
    shapes: Shapes, same: bool, tmp_path: Path
) -> None:
    shapes.farm.shape("c-library", "1.0", {"lib/libc.so.6": elf(soname="libc.so.6")})
    shapes.farm.shape("draw", "1.1", {"bin/draw": elf(needs=["libc.so.6"])})
    source = "source: [{from-toolchain: libc6}]\n"
    shapes.farm.application.blobs.put_bytes(b"libc6.deb")
    shapes.farm.submit(recipe("c-library", more=source))
    shapes.settle()
    if not same:
        other = replace(WORLD.toolchains["c"], tree=Digest.of(b"other"), debs={"libc6": Digest.of(b"other")})
        shapes.opens({"c": other, "abi": ABI}, tmp_path / "public")
    shapes.farm.submit(recipe("draw", version="1.1"))
    shapes.settle()
    summary = "1 not judged: libc.so.6 of c-library 1.0-1: no package that draw 1.1-1 was built with"
    assert (summary in shapes.gate()[1]) is not same


class TestWhenTheLibraryMovesToAnotherPackage:
    @pytest.fixture
    def moved(self, shapes: Shapes) -> Shapes:
        shapes.farm.shape("shape", "1.1", {})
        shapes.farm.shape("form", "1.0", {"lib/libshape.so.1": library("form")})
        shapes.farm.submit(recipe("shape", version="1.1"), recipe("form"))
        shapes.settle(CHANGED)
        return shapes

    def test_it_is_compared_with_where_it_was(self, moved: Shapes) -> None:
        (order,) = {abi_order.digest: abi_order for abi_order in moved.compared}.values()
        assert order.before.package.store.startswith("shape-1.0-")
        assert order.after.package.store.startswith("form-1.0-")
        assert moved.farm.versions()["shape"] == "1.0"
        assert "form" not in moved.farm.versions()
        assert "libshape.so.1 of form 1.0-1 has a different interface" in moved.farm.excuses()["form"].reason

    def test_it_comes_in_with_a_dependent_that_was_built_against_it(self, moved: Shapes) -> None:
        moved.farm.shape("wreck", "1.0", {"bin/wreck": elf(needs=["libnowhere.so.1"])})
        moved.farm.submit(recipe("draw", version="1.1", needs=("form",)), recipe("wreck"))
        moved.settle(CHANGED)
        versions = moved.farm.versions()
        assert (versions["shape"], versions["form"], versions["draw"]) == ("1.1", "1.0", "1.1")
        assert set(moved.farm.excuses()) == {"wreck"}


def test_a_farm_without_the_toolchain_waits_and_says_what_is_missing(releasing: ReleasingFarm, tmp_path: Path) -> None:
    shapes = Shapes(releasing, tmp_path / "public", toolchain=False)
    shapes.submit(shape="1.0", draw="1.0")
    shapes.settle()
    shapes.submit(shape="1.1")
    shapes.farm.build_all_but_tests()
    step = shapes.farm.pipeline.advance()
    assert "this farm has no toolchain abi" in step.message
    assert shapes.gate()[0] is GateState.PENDING


def test_a_comparison_that_fails_is_tried_again_and_lets_nothing_in(shapes: Shapes) -> None:
    shapes.submit(shape="1.1")
    shapes.farm.build_all_but_tests()
    shapes.farm.pipeline.advance()
    lease = shapes.farm.claim("one")
    fail(shapes.farm.application, shapes.farm.holder(lease), code="invalid-order", message="it is not understood")
    step = shapes.farm.pipeline.advance()
    assert "it is not understood; it is tried again at" in step.message
    shapes.farm.clock.passes(30)
    shapes.settle(COMPATIBLE)
    assert shapes.farm.versions()["shape"] == "1.1"


def test_what_had_another_interface_before_the_gate_was_asked_for_holds_nothing_else(
    releasing: ReleasingFarm, tmp_path: Path
) -> None:
    shapes = Shapes(releasing, tmp_path / "public")
    asking = releasing.pipeline
    releasing.pipeline = Pipeline(
        shapes.farm.application,
        ChannelPolicy("edge", (ProofGate(), TestsGate())),
        tmp_path / "public",
        releasing.signer,
    )
    shapes.submit(shape="1.0", draw="1.0")
    shapes.settle()
    shapes.submit(shape="1.1")
    shapes.settle()
    releasing.pipeline = asking
    shapes.submit(shape="1.2")
    shapes.settle(CHANGED)
    assert shapes.farm.versions()["shape"] == "1.2"


def test_a_worker_of_before_is_given_no_comparison(shapes: Shapes) -> None:
    shapes.submit(shape="1.1")
    shapes.farm.build_all_but_tests()
    shapes.farm.pipeline.advance()
    worker = shapes.farm.workers["one"]
    assert claim(shapes.farm.application, worker, known=(JobKind.BUILD, JobKind.TEST)) is None
    assert claim(shapes.farm.application, worker) is not None
