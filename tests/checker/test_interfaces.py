"""The checker works out which interfaces must be compared, and counts the signed results of listed testers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from securesystemslib.signer import CryptoSigner

from farm.core.names.digest import Digest
from farm.core.package.facts import PackageFacts
from farm.core.plan.abi import RULE, AbiVerdict
from farm.core.plan.outputs import describe_output
from farm.core.recipe.recipe import Limits
from farm.store.errors import MissingBlobError
from farm.trust.attestation.curator_order import Act
from farm.trust.attestation.dsse import InvalidEnvelopeError, sign_statement
from farm.trust.attestation.provenance import BuildRun, build_statement
from tests.checker.channel import Channel, opened_channel
from tests.checker.libraries import library, needs_compiler
from tests.refusing import refuses

if TYPE_CHECKING:
    from pathlib import Path

    from farm.signing.evidence import SignedTest
    from tests.checker.built import Builder, Package

pytestmark = needs_compiler
TESTER, OTHER, STRANGER = (CryptoSigner.generate_ed25519() for _ in range(3))
POLICY = b"gates: [proof, abi]\n"
COMPATIBLE, CHANGED, NOT_JUDGED = AbiVerdict.COMPATIBLE, AbiVerdict.CHANGED, AbiVerdict.NOT_JUDGED


def shape_library(version: int):
    return library("libshape.so.1", f"int area(int a) {{ return a + {version}; }}")


def draw_library(version: int = 0):
    return library(
        "libdraw.so.1", f"int area(int); int draw(int a) {{ return area(a) + {version}; }}", shape_library(0)
    )


@dataclass
class Shapes:
    """A channel that requires the gate abi, with a library `shape` and `draw`, which loads it."""

    edge: Channel

    @property
    def builder(self) -> Builder:
        return self.edge.builder

    def shape(self, version: int, *, debug: bool = True) -> Package:
        recipe = self.builder.recipe("shape", more=f"revision: {version + 1}\n")
        made = shape_library(version)
        outputs = {"": made.files} | ({"debug": made.debug_files} if debug else {})
        return self.builder.put_out(recipe, self.builder.pin(recipe), outputs)

    def draw(self, version: int = 0) -> Package:
        recipe = self.builder.recipe("draw", more=f"revision: {version + 1}\n", needs=("shape",))
        made = draw_library(version)
        outputs = {"": made.files, "debug": made.debug_files}
        return self.builder.put_out(recipe, self.builder.pin(recipe), outputs, needs=("shape",))

    def release(self, *comparisons: SignedTest, names: tuple[str, ...] = ("shape", "shape-debug"), **more: Any) -> None:
        packages = [self.builder.built[name] for name in names]
        self.edge.sign(*packages, comparisons=comparisons, **more)


ALL = ("shape", "shape-debug", "draw", "draw-debug")


@pytest.fixture
def shapes(tmp_path: Path) -> Shapes:
    return _released(opened_channel(tmp_path, POLICY, testers=[TESTER, OTHER]))


def _released(edge: Channel) -> Shapes:
    made = Shapes(edge)
    made.shape(0)
    made.draw()
    made.release(names=ALL)
    return made


def test_what_listed_testers_found_alike_is_signed(shapes: Shapes) -> None:
    before, after = shapes.builder.built["shape"], shapes.shape(1)
    shapes.release(shapes.builder.compare(before, after, TESTER, COMPATIBLE))
    assert shapes.edge.released == 2


def test_without_a_comparison_nothing_is_signed_and_package_and_library_are_named(shapes: Shapes) -> None:
    shapes.shape(1)
    with refuses(
        "interface-refused",
        match=r"libshape\.so\.1 of shape 1\.0-2 has not been compared.* the build that draw 1\.0-1 loaded",
    ):
        shapes.release()


@pytest.mark.parametrize(
    ("tester", "verdict", "otherwise"),
    [
        (STRANGER, COMPATIBLE, {}),
        (TESTER, CHANGED, {}),
        (TESTER, NOT_JUDGED, {}),
        (TESTER, COMPATIBLE, {"toolchain": Digest.of(b"another")}),
        (TESTER, COMPATIBLE, {"limits": Limits(minutes=1)}),
        (TESTER, COMPATIBLE, {"rule": RULE - 1}),
    ],
    ids=["an unlisted tester", "another interface", "no end", "other tools", "other limits", "an older rule"],
)
def test_what_is_no_such_comparison_by_a_listed_tester_counts_for_nothing(
    shapes: Shapes, tester: CryptoSigner, verdict: AbiVerdict, otherwise: dict[str, Any]
) -> None:
    before, after = shapes.builder.built["shape"], shapes.shape(1)
    wrong = shapes.builder.compare(before, after, tester, verdict, **otherwise)
    with refuses("interface-refused", match=r"libshape\.so\.1 of shape 1\.0-2"):
        shapes.release(wrong)
    shapes.release(wrong, shapes.builder.compare(before, after, TESTER, COMPATIBLE))
    assert shapes.edge.released == 2


def test_the_comparison_of_other_builds_is_no_use(shapes: Shapes) -> None:
    builder, before = shapes.builder, shapes.builder.built["shape"]
    middle, after = shapes.shape(1), shapes.shape(2)
    with refuses("interface-refused", match="has not been compared"):
        shapes.release(
            builder.compare(before, middle, TESTER, COMPATIBLE), builder.compare(middle, after, TESTER, COMPATIBLE)
        )


def test_debug_data_and_headers_are_those_of_the_build(shapes: Shapes) -> None:
    """A comparison without the library's debug data, or with headers that the library lacks, sees other types."""
    builder, before = shapes.builder, shapes.builder.built["shape"]
    after = shapes.shape(1)
    honest = builder.compare(before, after, TESTER, COMPATIBLE)
    stranger = builder.build(builder.recipe("stranger"))
    for change in ({"debug": stranger.as_dependency}, {"headers": (stranger.as_dependency,)}, {"library": "lib/other"}):
        side = replace(builder.side(after), **change)
        with refuses("interface-refused", match="has not been compared"):
            shapes.release(builder.compare(before, after, TESTER, COMPATIBLE, after=side))
    shapes.release(honest)


def test_a_dependent_that_was_built_against_it_comes_with_it(shapes: Shapes) -> None:
    before, after = shapes.builder.built["shape"], shapes.shape(1)
    shapes.draw(1)
    shapes.release(shapes.builder.compare(before, after, TESTER, CHANGED), names=ALL)
    assert shapes.edge.released == 2


def test_what_had_another_interface_before_is_not_the_fault_of_a_change(shapes: Shapes) -> None:
    builder, first = shapes.builder, shapes.builder.built["shape"]
    second = shapes.shape(1)
    shapes.release(builder.compare(first, second, TESTER, COMPATIBLE))
    third = shapes.shape(2)
    worse = builder.compare(first, third, TESTER, CHANGED)
    with refuses("interface-refused", match="no result shows that it had one in the previous release too"):
        shapes.release(worse)
    alike = builder.compare(first, second, TESTER, COMPATIBLE)
    with refuses("interface-refused", match="has a different interface from"):
        shapes.release(worse, alike)
    shapes.release(worse, builder.compare(first, second, OTHER, CHANGED))
    assert shapes.edge.released == 3


def test_as_many_testers_agree_as_are_signed(tmp_path: Path) -> None:
    shapes = _released(opened_channel(tmp_path, POLICY, testers=[TESTER, OTHER], needed=2))
    before, after = shapes.builder.built["shape"], shapes.shape(1)
    once, again = (shapes.builder.compare(before, after, TESTER, COMPATIBLE) for _ in range(2))
    for brought in ((once, again), (once, shapes.builder.compare(before, after, OTHER, CHANGED))):
        with refuses("interface-refused", match="by enough listed testers"):
            shapes.release(*brought)
    shapes.release(once, shapes.builder.compare(before, after, OTHER, COMPATIBLE))
    assert shapes.edge.released == 2


def test_what_no_tool_can_read_or_no_debug_data_describes_holds_nothing_back(shapes: Shapes) -> None:
    before, after = shapes.builder.built["shape"], shapes.shape(1)
    shapes.release(shapes.builder.compare(before, after, TESTER, AbiVerdict.UNREADABLE))
    shapes.shape(2, debug=False)
    shapes.edge.sign(shapes.builder.built["shape"], remove=["shape-debug"])
    assert shapes.edge.released == 3


def test_hiding_what_a_dependent_was_built_against_is_no_way_past(shapes: Shapes) -> None:
    shapes.shape(1)
    newest = tuple(build.built for build in shapes.builder.built.values())
    with refuses("unknown-dependency", match=r"draw 1\.0-1 was built against dist\.example\.org/shape 1\.0"):
        shapes.release(dependencies=newest)


def test_a_dependency_that_nobody_has_built_with_other_facts_is_no_way_past(shapes: Shapes) -> None:
    """With facts that name no library, there would be nothing to compare."""
    builder, before = shapes.builder, shapes.builder.built["shape"]
    shapes.shape(1)
    facts = PackageFacts()
    descriptor = describe_output(before.plan, "", before.manifest, facts, before.descriptor.diff_id)
    mallory = CryptoSigner.generate_ed25519()
    run = BuildRun(mallory.public_key.keyid, "1", "", "", Digest.of(b"log"), {})
    statement = build_statement(before.plan, before.recipe.digest, [(descriptor, before.archive.digest)], (), run)
    forged = replace(
        before.built,
        descriptor=builder.keep(descriptor.to_json()),
        facts=builder.keep(facts.to_json()),
        provenance=builder.keep(sign_statement(statement, mallory)),
    )
    others = tuple(package.built for package in builder.ever if package is not before)
    with pytest.raises(InvalidEnvelopeError):
        shapes.release(dependencies=(*others, forged))


def test_hiding_debug_data_is_no_way_past(shapes: Shapes) -> None:
    """Neither by a provenance that nobody has signed, of a released package, nor by a deleted blob."""
    builder, before = shapes.builder, shapes.builder.built["shape"]
    shapes.shape(1)
    mallory = CryptoSigner.generate_ed25519()
    run = BuildRun(mallory.public_key.keyid, "1", "", "", Digest.of(b"log"), {})
    subjects = [(before.descriptor, before.archive.digest)]
    statement = build_statement(before.plan, before.recipe.digest, subjects, (), run)
    forged = replace(before.built, provenance=builder.keep(sign_statement(statement, mallory)))
    others = tuple(package.built for package in builder.ever if package is not before)
    with pytest.raises(InvalidEnvelopeError):
        shapes.release(dependencies=(forged, *others))
    old_debug = next(package for package in builder.ever if package.descriptor.name.short == "shape-debug")
    builder.blobs.path(old_debug.built.descriptor.digest).unlink()
    with pytest.raises(MissingBlobError):
        shapes.release()


def test_a_later_build_that_came_to_the_same_files_fits_what_that_was_built_against(shapes: Shapes) -> None:
    before = shapes.builder.built["draw"]
    shapes.shape(1)
    rebuilt = shapes.draw()
    assert (rebuilt.descriptor.tree, rebuilt.plan.digest != before.plan.digest) == (before.descriptor.tree, True)
    with refuses("interface-refused"):
        shapes.release()
    shapes.release(rebuilt=(rebuilt.built,))
    assert shapes.edge.released == 2
    shapes.shape(2)
    other = shapes.draw(1)
    with refuses("interface-refused", match="has not been compared"):
        shapes.release(rebuilt=(other.built,))


def test_going_back_to_a_set_of_before_compares_nothing(shapes: Shapes) -> None:
    old = [shapes.builder.built[name] for name in ("shape", "shape-debug")]
    before, after = old[0], shapes.shape(1)
    base = shapes.edge.newest().digest
    shapes.release(shapes.builder.compare(before, after, TESTER, COMPATIBLE))
    shapes.edge.order(Act.ROLLBACK, target=base)
    shapes.edge.sign(*old)
    assert shapes.edge.released == 3
