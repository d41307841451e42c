"""Where several builders have built a package, they agree on all outputs of the build: no single one is trusted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from securesystemslib.signer import CryptoSigner

from farm.core.package.elf.file import read_elf
from tests.checker.channel import Channel, opened_channel
from tests.checker.libraries import library, needs_compiler
from tests.refusing import refuses

if TYPE_CHECKING:
    from pathlib import Path

    from farm.core.plan.job import BlobRef
    from tests.checker.built import Package

SECOND, THIRD = (CryptoSigner.generate_ed25519() for _ in range(2))
CODE = "int area(int a) { return a; }"
BOUND = ("-Wl,-z,relro", "-Wl,-z,now")
PROTECTED = (*BOUND, "-fstack-protector-strong", "-fstack-clash-protection")


@pytest.fixture
def edge(tmp_path: Path) -> Channel:
    """A channel that requires two builders, of three."""
    policy = b"gates: [proof, hardening, reproduced: {agree: 2}]\n"
    return opened_channel(tmp_path, policy, builders=[SECOND, THIRD])


def duo(edge: Channel, revision: int) -> tuple[Package, Package]:
    """Two outputs of one build, which a second builder has reproduced."""
    recipe = edge.builder.recipe("duo", more=f"revision: {revision}\noutputs:\n  libs: [lib/**]\n")
    content = b"%d" % revision
    edge.builder.put_out(recipe, edge.builder.pin(recipe), {"": {"share/x": content}, "libs": {"lib/x": content}})
    both = edge.builder.built["duo"], edge.builder.built["duo-libs"]
    return edge.builder.rebuilt(both[0], SECOND), edge.builder.rebuilt(both[1], SECOND)


def by(package: Package, first: BlobRef, *rebuilds: BlobRef) -> Package:
    again = tuple(sorted(rebuilds, key=lambda blob: blob.digest))
    return replace(package, built=replace(package.built, provenance=first), rebuilds=again)


def test_an_output_that_one_builder_leaves_out_does_not_go(edge: Channel) -> None:
    edge.sign(*duo(edge, 1))
    main, libs = duo(edge, 2)
    with refuses("unexplained-departure"):
        edge.sign(main, remove=["duo-libs"])
    lie, truth = edge.builder.said(edge.builder.worker, main), main.rebuilds[0]
    for first, second in ((lie, truth), (truth, lie)):
        with refuses("other-outputs", match=rf"duo 1\.0-2 do not agree .* {libs.descriptor.digest}") as no:
            edge.sign(by(main, first, second), remove=["duo-libs"])
        assert no.value.by_package.keys() == {"duo"}
    edge.sign(main, libs)
    assert edge.released == 2


def test_neither_is_a_third_one_believed_who_says_otherwise(edge: Channel) -> None:
    main, libs = duo(edge, 1)
    lie = edge.builder.said(THIRD, main)
    with refuses("other-outputs"):
        edge.sign(by(main, main.built.provenance, *main.rebuilds, lie), libs)
    edge.sign(*(edge.builder.rebuilt(package, SECOND, THIRD) for package in (main, libs)))
    assert edge.released == 1


@needs_compiler
def test_debug_data_that_one_builder_invents_hides_nothing(edge: Channel) -> None:
    """Both built a library without stack protector, and the debug data holds the compiler's options."""
    recipe = edge.builder.recipe("shape")
    plan = edge.builder.pin(recipe)
    bad, good = library("libshape.so.1", CODE, options=BOUND), library("libshape.so.1", CODE, options=PROTECTED)
    honest = edge.builder.put_out(recipe, plan, {"": bad.files, "debug": bad.debug_files})
    both = honest, edge.builder.built["shape-debug"]
    with refuses("gate-refused", match="stack-protector"):
        edge.sign(*(edge.builder.rebuilt(package, SECOND) for package in both))
    old, new = (read_elf(memoryview(lib.stripped)).details.build_id for lib in (good, bad))
    invented = good.debug.replace(bytes.fromhex(old), bytes.fromhex(new))
    files = {f"lib/debug/.build-id/{new[:2]}/{new[2:]}.debug": invented}
    lied = edge.builder.put_out(recipe, plan, {"": bad.files, "debug": files})
    assert lied.descriptor == honest.descriptor
    with refuses("other-outputs"):
        edge.sign(replace(lied, rebuilds=(edge.builder.said(SECOND, *both),)))
    assert edge.released == 0


def test_where_none_is_asked_for_one_builder_is_enough(tmp_path: Path) -> None:
    edge = opened_channel(tmp_path, b"gates: [proof]\n")
    edge.sign(*(replace(package, rebuilds=()) for package in duo(edge, 1)))
    assert edge.released == 1
