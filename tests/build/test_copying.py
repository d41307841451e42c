"""Which code a build is known to have copied from its dependencies, on the real engine with the real linker."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from farm.trust.attestation.provenance import read_consumed

if TYPE_CHECKING:
    from farm.core.plan.consumption import Consumption
    from farm.core.plan.job import BuildOutcome, BuiltPackage
    from farm.core.plan.plan import Plan
    from tests.build.conftest import Bench

pytestmark = [
    pytest.mark.docker,
    pytest.mark.skipif(
        shutil.which("gcc") is None, reason="the machine's own /usr is the toolchain, without a compiler"
    ),
]

# A library with a header, a shared object and an archive; and a second, header-only library.
LIBRARY = """
cd /build; echo 'int f(void) { return 42; }' >f.c
mkdir -p $DESTDIR/usr/lib $DESTDIR/usr/include
gcc -c f.c -o f.o; ar rcsD $DESTDIR/usr/lib/libf.a f.o
gcc -shared -fPIC -Wl,-soname,libf.so f.c -o $DESTDIR/usr/lib/libf.so
echo 'int f(void);' >$DESTDIR/usr/include/f.h; echo '#define UNUSED' >$DESTDIR/usr/include/unused.h
"""
HEADERS = "mkdir -p $DESTDIR/usr/include/g; echo '#define G 1' >$DESTDIR/usr/include/g/g.h"
PROGRAM = """
cd /build; printf '#include <f.h>\\nint main(void) {{ return f() != 42; }}\\n' >main.c
mkdir -p $DESTDIR/usr/bin; gcc main.c {link} -o $DESTDIR/usr/bin/p; {more}
"""
DYNAMIC = PROGRAM.format(link="-lf", more="")
STATIC = PROGRAM.format(link="-Wl,-Bstatic -lf -Wl,-Bdynamic", more="")


def consumed(bench: Bench, outcome: BuildOutcome) -> dict[str, Consumption]:
    key = bench.workshop.signer.public_key
    said = read_consumed(bench.workshop.store.read(outcome.provenance), {key.keyid: key})
    return {consumption.library.short: consumption for consumption in said}


@pytest.fixture
def libraries(bench: Bench) -> tuple[BuiltPackage, ...]:
    return bench.build(LIBRARY, name="libf") + bench.build(HEADERS, name="libg")


def plan(bench: Bench, script: str, libraries: tuple[BuiltPackage, ...]) -> Plan:
    return bench.plan(script, name="program", needs=libraries)


def carry_out(bench: Bench, script: str, libraries: tuple[BuiltPackage, ...]) -> dict[str, Consumption]:
    return consumed(bench, bench.carry_out(bench.order(plan(bench, script, libraries), *libraries)))


def test_a_program_that_is_linked_statically_is_known_to_hold_a_copy(
    bench: Bench, libraries: tuple[BuiltPackage, ...]
) -> None:
    found = carry_out(bench, STATIC, libraries)
    assert found["libf"].tree == libraries[0].descriptor.tree
    assert (found["libf"].static.first, found["libf"].headers.first) == (("lib/libf.a",), ("include/f.h",))
    assert found["libg"].kinds == ()


def test_a_program_that_is_linked_dynamically_holds_none(bench: Bench, libraries: tuple[BuiltPackage, ...]) -> None:
    found = carry_out(bench, DYNAMIC, libraries)
    assert found["libf"].kinds == ("headers",)
    assert found["libg"].kinds == ()


@pytest.mark.parametrize(
    ("script", "kinds"),
    [
        ("test -f /usr/lib/libf.a; test -r /usr/lib/libf.a; ls -lR /packages; find /packages -name '*.a'", ()),
        ("cp /usr/lib/libf.a /build", ("static",)),
        ("python3 -c 'import mmap; f = open(\"/usr/lib/libf.a\"); mmap.mmap(f.fileno(), 0, prot=1)'", ("static",)),
        ("gcc -E - </dev/null -include f.h", ("headers",)),
    ],
)
def test_looking_is_no_copying_and_copying_by_other_means_is(
    bench: Bench, libraries: tuple[BuiltPackage, ...], script: str, kinds: tuple[str, ...]
) -> None:
    found = carry_out(bench, f"{script}; mkdir -p $DESTDIR/usr/bin; touch $DESTDIR/usr/bin/p", libraries)
    assert found["libf"].kinds == kinds


def test_two_honest_builds_say_the_same(bench: Bench, libraries: tuple[BuiltPackage, ...]) -> None:
    wanted = plan(bench, PROGRAM.format(link="-lf", more="gcc main.c -static-libgcc /usr/lib/libf.a -o p2"), libraries)
    first, second = (consumed(bench, bench.carry_out(bench.order(wanted, *libraries))) for _ in range(2))
    assert first == second


def test_a_build_beside_it_is_not_blamed_on_it(bench: Bench, libraries: tuple[BuiltPackage, ...]) -> None:
    """Both builds see the same files of the same cache; while one waits, the other links statically."""
    package = bench.workshop.cache.path(libraries[0].descriptor.store_path)
    ticks = 0

    def tick() -> bool:
        nonlocal ticks
        ticks += 1
        (package / "lib" / "libf.a").read_bytes()
        return False

    order = bench.order(plan(bench, f"sleep 1; {DYNAMIC}", libraries), *libraries)
    outcome = bench.carry_out(order, cancelled=tick)
    assert ticks
    assert consumed(bench, outcome)["libf"].kinds == ("headers",)


def test_a_watch_that_fails_says_so_instead_of_nothing(
    bench: Bench, libraries: tuple[BuiltPackage, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    # IN_MASK_ADD with IN_MASK_CREATE: the kernel refuses.
    monkeypatch.setattr("farm.container.file_watch._IN_OPEN", 0x3000_0020)
    found = carry_out(bench, STATIC, libraries)
    assert found["libf"].kinds == found["libg"].kinds == ("unknown",)
