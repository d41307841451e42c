"""Comparing the interfaces of two builds of a library: abidiff's reports of real ones, and what its status means."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from farm.build.abi.comparison import compare_interfaces, judge
from farm.build.attempt.errors import InvalidOrderError
from farm.container.sandbox_spec import SandboxResult
from farm.core.names.declared import Output
from farm.core.names.digest import Digest
from farm.core.names.form import InvalidRecordError
from farm.core.plan.abi import RULE, AbiOrder, AbiOutcome, AbiSide, AbiVerdict, UndescribedSymbols
from farm.core.plan.job import BlobRef, BuiltPackage, DependencyArchive
from farm.trust.attestation.tester_results import verify_abi_result
from tests.build.conftest import LIMITS, Bench

COMPATIBLE, CHANGED, NOT_JUDGED = AbiVerdict.COMPATIBLE, AbiVerdict.CHANGED, AbiVerdict.NOT_JUDGED

_BUILD = """
mkdir -p $DESTDIR/usr/lib $DESTDIR/usr/{include}
cat > shape.h <<'END'
{header}
END
cat > shape.{suffix} <<'END'
{source}
END
cat > other.{suffix} <<'END'
{other}
END
cp shape.h $DESTDIR/usr/{include}/{installed}
{compiler} {flags} -O2 -fPIC -c other.{suffix}
{compiler} -g {own_flags} -O2 -fPIC -shared -Wl,-soname,libshape.so.1,--build-id shape.{suffix} other.o -o libshape.so.1
id=$(readelf -n libshape.so.1 | sed -n 's/.*Build ID: //p')
debug=$DESTDIR/usr/lib/debug/.build-id/$(echo $id | cut -c1-2)
mkdir -p $debug
objcopy --only-keep-debug libshape.so.1 $debug/$(echo $id | cut -c3-).debug
strip --strip-unneeded libshape.so.1
cp libshape.so.1 $DESTDIR/usr/lib
"""
_C_HEADER = "struct shape; struct point { int x; int y; }; int area(int side); int reach(struct point *p);"
_C_SOURCE = """
#include "shape.h"
struct shape { int kind; long size; };
int area(int side) { return side * side; }
int reach(struct point *p) { return p->x + p->y; }
int kind(struct shape *s) { return s->kind; }
"""
_REACH_HEADER = "struct shape; int area(int side); int reach(struct point *p);"
_REACH = "int reach(struct point *p) { return p->x + p->y; }"
# The start of an amalgamated source (`sqlite3.c`), with all of the header. Each kind of typedef leads to a change.
_TYPEDEFS = """
typedef struct shape shape;
typedef int count;
typedef int (*callback)(void *, int);
typedef struct point { int x; long y; } point_t;
typedef struct _pair { float x, y; } Pair;
typedef enum mode { ROUND, SQUARE } mode_t_;
typedef short unit;
struct scale { unit by; int kind; };
typedef struct module { int version; int (*open)(shape *, int argc, const char *const *argv); } module;
int area(count); int call(callback); int reach(point_t *); int near_by(Pair); int draw(mode_t_);
int grow(struct scale *); int use(const module *); extern unit depth; int kind(shape *);
"""
_TYPEDEFS_SOURCE = """
typedef struct inner { int a; long b; } inner;
struct shape { inner in; inner *next; };
int area(count n) { return n; }
int call(callback c) { return c(0, 1); }
int reach(point_t *p) { return p->x; }
int near_by(Pair p) { return p.x; }
int draw(mode_t_ m) { return m == ROUND; }
int grow(struct scale *s) { return s->kind; }
int use(const module *m) { return m->version; }
unit depth = 1;
int kind(shape *s) { return s->in.a; }
"""
_TYPEDEF_CHANGES = (
    ("int count", "double count"),
    ("(void *, int)", "(void *, double)"),
    ("int x; long y;", "long y; int x;"),
    ("float x, y;", "int x, y;"),
    ("ROUND, SQUARE", "SQUARE, ROUND"),
    ("short unit", "_Float16 unit"),
    ("int argc", "long argc"),
)
_AREA = '#include "shape.h"\nint area(count n) { return n; }'
_ALIASES_HEADER = "struct point { int x; long y; }; struct inner;"
_VERSIONED = "-Wl,--version-script=<(echo 'V1 { }; V2 { } V1;')"
_ALIASES = """
#include "shape.h"
int base(int x) { return x; }
int other(double x) { return x; }
int moved(int) __attribute__((alias("base")));
int kept(int) __attribute__((alias("base")));
int alone(int) __attribute__((alias("base")));
int split(int) __attribute__((alias("base")));
int weak(int) __attribute__((weak, alias("base")));
int joined(long x) { return x; }
int of_base(struct point *p) { return p->x; }
int of_struct(struct point *) __attribute__((alias("of_base")));
struct inner { int a; long b; };
int hidden(struct inner *i) { return i->a; }
int one = 1; float two = 2;
extern int width __attribute__((alias("one")));
int old_1(long x) { return x + 1; }
int old_2(long) __attribute__((alias("old_1")));
__asm__(".symver old_1, old@V1"); __asm__(".symver old_2, old@@V2");
"""
_ALONE = ('alone(int) __attribute__((alias("base")))', "alone(int x) { return x + 7; }")
_ALIAS_CHANGES = (
    ('moved(int) __attribute__((alias("base")', 'moved(double) __attribute__((alias("other")'),
    ('split(int) __attribute__((alias("base")))', "split(char *x) { return *x; }"),
    ('weak(int) __attribute__((weak, alias("base")', 'weak(double) __attribute__((weak, alias("other")'),
    ("joined(long x) { return x; }", 'joined(int) __attribute__((alias("base")));'),
    ('of_struct(struct point *) __attribute__((alias("of_base")))', "of_struct(struct point *p) { return 3; }"),
    ('extern int width __attribute__((alias("one")', 'extern float width __attribute__((alias("two")'),
    ("old_1(long x) { return x + 1; }", "old_1(double x) { return x + 1; }"),
    ('old_2(long) __attribute__((alias("old_1")))', "old_2(long x) { return x + 1; }"),
)
_BASES_HEADER = "struct Both; struct Sheet; int of(Both *); Sheet *make();"
_HIDDEN_CLASSES = """
struct Left { int x; }; struct Right { int y; }; struct Both : Left, Right { int z; };
struct Sheet { virtual int draw(int) = 0; virtual int edges() = 0; };
"""
_BASES_SOURCE = """
#include "shape.h"
namespace { struct Paper : Sheet { int draw(int) { return 1; } int edges() { return 4; } }; }
int of(Both *b) { return b->z; } Sheet *make() { return new Paper; }
"""
_CPP_HEADER = "struct Shape { virtual int area(); virtual int edges(); virtual ~Shape(); };"
_CPP_SOURCE = """#include "shape.h"
int Shape::area() { return 1; } int Shape::edges() { return 4; } Shape::~Shape() {}"""


def verdict_of(exit_code: int, ending: str = "exited") -> AbiVerdict:
    return judge(SandboxResult(exit_code, ending, 0.1, 0))[0]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("exit_code", "verdict"),
    [
        (0, COMPATIBLE),
        (4, CHANGED),
        (12, CHANGED),
        (8, COMPATIBLE),
        (1, NOT_JUDGED),
        (2, NOT_JUDGED),
        (3, NOT_JUDGED),
        (5, NOT_JUDGED),
        (16, NOT_JUDGED),
        (127, NOT_JUDGED),
        (139, NOT_JUDGED),
        (-11, NOT_JUDGED),
    ],
)
def test_the_bits_of_the_status_decide(exit_code: int, verdict: AbiVerdict) -> None:
    assert verdict_of(exit_code) is verdict


@pytest.mark.parametrize("ending", ["time", "memory", "log"])
def test_what_reached_a_limit_is_not_judged(ending: str) -> None:
    assert verdict_of(0, ending) is NOT_JUDGED


def archive(name: str) -> DependencyArchive:
    digest = Digest.of(name.encode())
    return DependencyArchive(digest, f"{name}-1-{digest.store_key}", BlobRef(digest, 1), BlobRef(digest, 1), digest)


def test_an_order_and_an_outcome_are_read_as_they_were_written() -> None:
    before = AbiSide("lib/a.so", archive("a"), archive("a-debug"), (archive("a-dev"), archive("a")))
    order = AbiOrder(before, replace(before, headers=()), Digest.of(b"toolchain"), LIMITS)
    assert AbiOrder.from_dict(order.to_dict()) == order
    outcome = AbiOutcome(CHANGED, 4, Digest.of(b"log"), ("a line",), "", UndescribedSymbols(7, ("area", "reach")))
    assert AbiOutcome.from_dict(outcome.to_dict()) == outcome
    signed = replace(outcome, attestation=Digest.of(b"signed"))
    assert AbiOutcome.from_dict(signed.to_dict()) == signed
    assert signed.to_dict().keys() - outcome.to_dict().keys() == {"attestation"}


def test_an_order_of_before_keeps_its_digest_and_is_no_order_of_today() -> None:
    side = AbiSide("lib/a.so", archive("a"), archive("a-debug"), (archive("a-dev"),))
    today = AbiOrder(side, side, Digest.of(b"toolchain"), LIMITS)
    written = {key: value for key, value in today.to_dict().items() if key != "rule"}
    before = AbiOrder.from_dict(written)
    assert before.before.headers == (archive("a-dev"),)
    assert before.digest == Digest.of_json(written) != today.digest


def test_an_order_by_a_rule_that_nobody_knows_yet_is_not_taken() -> None:
    side = AbiSide("lib/a.so", archive("a"), archive("a-debug"), ())
    order = AbiOrder(side, side, Digest.of(b"toolchain"), LIMITS, rule=RULE + 1)
    with pytest.raises(InvalidRecordError, match=f"this program knows {RULE}"):
        AbiOrder.from_dict(order.to_dict())


@pytest.mark.docker
class TestWithRealLibraries:
    def package(
        self,
        bench: Bench,
        header: str,
        source: str,
        *,
        suffix: str = "c",
        other: str = "",
        flags: str = "-g",
        own_flags: str = "",
        include: str = "include",
        installed: str = "shape.h",
        outputs: tuple[Output, ...] = (),
        needs: tuple[BuiltPackage, ...] = (),
    ) -> tuple[BuiltPackage, ...]:
        compiler = {"c": "cc", "cc": "c++"}[suffix]
        script = _BUILD.format(
            header=header,
            source=source,
            suffix=suffix,
            compiler=compiler,
            other=other,
            flags=flags,
            own_flags=own_flags,
            include=include,
            installed=installed,
        )
        return bench.build(script, name="shape", outputs=(Output("debug", ("lib/debug/**",)), *outputs), needs=needs)

    def side(self, packages: tuple[BuiltPackage, ...]) -> AbiSide:
        main, debug, *more = (package.as_dependency() for package in packages)
        return AbiSide("lib/libshape.so.1", main, debug, (main, *more))

    def compare(self, bench: Bench, before: AbiSide, after: AbiSide) -> AbiOutcome:
        limits = replace(LIMITS, memory_mb=1024)
        with bench.attempt() as attempt:
            order = AbiOrder(before, after, bench.toolchain, limits)
            outcome = compare_interfaces(order, bench.workshop, attempt=attempt, log=bench.records.append)
        assert outcome.attestation is not None
        key = bench.workshop.signer.public_key
        envelope = bench.workshop.store.read(outcome.attestation)
        signed = verify_abi_result(envelope, {key.keyid: key}, order=order)
        assert signed.outcome == replace(outcome, attestation=None)
        return outcome

    def test_a_changed_parameter_is_found_under_equal_symbols(self, bench: Bench) -> None:
        before = self.side(self.package(bench, _C_HEADER, _C_SOURCE))
        changed = self.package(
            bench, *(text.replace("area(int side)", "area(double side)") for text in (_C_HEADER, _C_SOURCE))
        )
        outcome = self.compare(bench, before, self.side(changed))
        assert outcome.verdict is CHANGED
        assert any("'function int area(int)'" in line for line in outcome.report)
        assert any("from 'int' to 'double'" in line for line in outcome.report)

    def test_members_in_another_order_are_found_in_public_types_alone(self, bench: Bench) -> None:
        before = self.side(self.package(bench, _C_HEADER, _C_SOURCE))
        public = self.package(bench, _C_HEADER.replace("int x; int y;", "int y; int x;"), _C_SOURCE)
        private = self.package(bench, _C_HEADER, _C_SOURCE.replace("int kind; long size;", "long size; int kind;"))
        assert self.compare(bench, before, self.side(public)).verdict is CHANGED
        assert self.compare(bench, before, self.side(private)).verdict is COMPATIBLE

    @pytest.mark.parametrize("include", ["include", "lib/shape/include"])
    def test_a_public_type_is_not_lost_where_the_library_has_its_own_copy(self, bench: Bench, include: str) -> None:
        before, after = (
            self.side(self.package(bench, header, header + _REACH, include=include))
            for header in (_C_HEADER, _C_HEADER.replace("int x; int y;", "int y; int x;"))
        )
        assert self.compare(bench, before, after).verdict is CHANGED

    def test_a_typedef_hides_nothing_that_its_library_says_again(self, bench: Bench) -> None:
        changed = _TYPEDEFS
        for old, new in _TYPEDEF_CHANGES:
            assert old in changed
            changed = changed.replace(old, new)
        before = self.side(self.package(bench, _TYPEDEFS, _TYPEDEFS + _TYPEDEFS_SOURCE))
        private = _TYPEDEFS + _TYPEDEFS_SOURCE.replace("int a; long b;", "long b; int a;")
        assert self.compare(bench, before, self.side(self.package(bench, _TYPEDEFS, private))).verdict is COMPATIBLE
        bench.records.clear()
        outcome = self.compare(bench, before, self.side(self.package(bench, changed, changed + _TYPEDEFS_SOURCE)))
        assert outcome.verdict is CHANGED
        reported = re.findall(r"^ *\[C\] '(?:function int )?(?:unit )?(\w+)", "\n".join(bench.lines), re.MULTILINE)
        assert sorted(reported) == ["area", "call", "depth", "draw", "grow", "near_by", "reach", "use"]

    def test_a_typedef_hides_nothing_where_its_header_is_installed_under_another_name(self, bench: Bench) -> None:
        before, after = (
            self.side(self.package(bench, f"typedef {kind} count; int area(count n);", _AREA, installed="public.h"))
            for kind in ("int", "double")
        )
        assert self.compare(bench, before, after).verdict is CHANGED

    def test_each_name_is_compared_of_code_that_gains_or_loses_one(self, bench: Bench) -> None:
        before = self.side(self.package(bench, _ALIASES_HEADER, _ALIASES, own_flags=_VERSIONED))
        # The same parameters, but different private structures, everywhere under other names of the code.
        harmless = _ALIASES.replace("int a; long b;", "long b; int a;").replace(*_ALONE)
        harmless += 'int shown(struct inner *) __attribute__((alias("hidden")));'
        after = self.side(self.package(bench, _ALIASES_HEADER, harmless, own_flags=_VERSIONED))
        outcome = self.compare(bench, before, after)
        assert (outcome.verdict, outcome.undescribed.names) == (COMPATIBLE, ())
        assert [line for line in bench.lines if line.startswith("[C]")] == []
        changed = harmless
        for old, new in _ALIAS_CHANGES:
            assert old in changed
            changed = changed.replace(old, new)
        header = _ALIASES_HEADER.replace("int x; long y;", "long y; int x;")
        bench.records.clear()
        after = self.side(self.package(bench, header, changed, own_flags=_VERSIONED))
        outcome = self.compare(bench, before, after)
        assert (outcome.verdict, outcome.undescribed.names) == (CHANGED, ())
        reported = re.findall(r"^ *\[C\] '(?:function int |int )?(\w+)", "\n".join(bench.lines), re.MULTILINE)
        # abidiff reports what changed in a structure for one function only.
        assert sorted(reported) == ["joined", "moved", "of_base", "old", "old_1", "split", "weak", "width"]

    def test_what_the_tool_always_stumbles_over_is_not_judged_and_what_it_newly_does_is(self, bench: Bench) -> None:
        plain = self.side(self.package(bench, _C_HEADER, _C_SOURCE))
        crashing = self.side(self.package(bench, _C_HEADER, _C_SOURCE, own_flags="-fdebug-types-section"))
        changed = _C_SOURCE.replace("int kind;", "long kind;")
        other = self.side(self.package(bench, _C_HEADER, changed, own_flags="-fdebug-types-section"))
        both = self.compare(bench, crashing, other)
        assert both.verdict is AbiVerdict.UNREADABLE
        assert "abidw" in both.reason
        for before, after, words in ((plain, crashing, "the new library"), (crashing, plain, "the old library")):
            outcome = self.compare(bench, before, after)
            assert outcome.verdict is NOT_JUDGED
            assert outcome.reason.endswith(f"for {words}")

    def test_a_public_type_is_not_lost_where_its_header_is_in_another_package_of_the_build(self, bench: Bench) -> None:
        dev = (Output("dev", ("include/**",)),)
        before, after = (
            self.side(self.package(bench, header, _C_SOURCE, outputs=dev))
            for header in (_C_HEADER, _C_HEADER.replace("int x; int y;", "int y; int x;"))
        )
        assert before.headers[1].store.startswith("shape-dev-")
        assert self.compare(bench, before, after).verdict is CHANGED

    def test_a_public_type_is_not_lost_that_comes_from_a_header_of_another_package(self, bench: Bench) -> None:
        sides = []
        for point in ("int x; int y;", "int y; int x;"):
            install = f"mkdir -p $DESTDIR/usr/include; echo 'struct point {{ {point} }};' >$DESTDIR/usr/include/point.h"
            needs = bench.build(install, name="point")
            header = "#include <point.h>\n" + _REACH_HEADER
            sides.append(self.side(self.package(bench, header, _C_SOURCE, needs=needs)))
        assert self.compare(bench, *sides).verdict is CHANGED

    def test_a_private_type_that_was_renamed_is_private_and_one_that_replaces_a_public_one_is_not(
        self, bench: Bench
    ) -> None:
        before = self.side(self.package(bench, _C_HEADER, _C_SOURCE))
        renamed = self.package(
            bench,
            _C_HEADER.replace("struct shape", "struct form"),
            _C_SOURCE.replace("struct shape", "struct form").replace("int kind; long size;", "long size; int kind;"),
        )
        hidden = self.package(
            bench,
            _C_HEADER.replace("struct point { int x; int y; };", "struct point;").replace("point", "hidden"),
            "struct hidden { int y; int x; };\n" + _C_SOURCE.replace("struct point", "struct hidden"),
        )
        assert self.compare(bench, before, self.side(renamed)).verdict is COMPATIBLE
        assert self.compare(bench, before, self.side(hidden)).verdict is CHANGED

    @pytest.mark.parametrize("flags", ["-g0", "-gsplit-dwarf"])
    def test_what_has_no_debug_data_is_named(self, bench: Bench, flags: str) -> None:
        before, after = (
            self.side(self.package(bench, _C_HEADER, _C_SOURCE, other=other, flags=flags))
            for other in ("int scale(int by) { return by; } int unit;", "int scale(double by) { return by; } int unit;")
        )
        outcome = self.compare(bench, before, after)
        assert outcome.verdict is COMPATIBLE
        assert (outcome.undescribed.names, outcome.undescribed.count) == (("scale", "unit"), 2)

    def test_a_variable_that_a_header_declares_is_compared(self, bench: Bench) -> None:
        sides = []
        for kind in ("long", "double"):
            header = f"{_C_HEADER} extern {kind} unit;"
            source = f"{_C_SOURCE} {kind} unit;"
            sides.append(
                self.side(self.package(bench, header, source, other='#include "shape.h"\nint f() { return unit; }'))
            )
        assert self.compare(bench, sides[0], sides[0]).undescribed.names == ()
        assert self.compare(bench, *sides).verdict is CHANGED

    def test_what_is_written_in_assembly_is_named_also_with_debug_data(self, bench: Bench) -> None:
        assembly = '__asm__(".globl scale; .type scale,@function; scale: ret");'
        before = self.side(self.package(bench, _C_HEADER, _C_SOURCE, other=assembly))
        outcome = self.compare(bench, before, before)
        assert (outcome.verdict, outcome.undescribed.names) == (COMPATIBLE, ("scale",))

    def test_what_only_a_private_type_leads_to_is_private_with_or_without_a_name(self, bench: Bench) -> None:
        inside = (
            "typedef struct { int a; long b; } inner; enum mode { A, B };"
            "struct shape { inner *in; inner own; enum mode m; union { long l; struct { int c; long d; } s; } u; };"
        )
        moved = inside.replace("int a; long b;", "long b; int a;").replace("int c; long d;", "long d; int c;")
        header = "typedef struct shape shape; int kind(shape *s);"
        source = '#include "shape.h"\n{} int kind(shape *s) {{ return s->in->a; }}'
        before, after = (
            self.side(self.package(bench, header, source.format(types)))
            for types in (inside, moved.replace("A, B", "B, A"))
        )
        assert self.compare(bench, before, after).verdict is COMPATIBLE

    def test_another_body_and_an_added_function_change_nothing(self, bench: Bench) -> None:
        before = self.side(self.package(bench, _C_HEADER, _C_SOURCE))
        more = self.package(bench, _C_HEADER + " int edges(void);", _C_SOURCE + "int edges(void) { return 4; }")
        outcome = self.compare(bench, before, self.side(more))
        assert (outcome.verdict, outcome.exit) == (COMPATIBLE, 0)

    def test_a_reordered_vtable_is_found(self, bench: Bench) -> None:
        before = self.side(self.package(bench, _CPP_HEADER, _CPP_SOURCE, suffix="cc"))
        header = _CPP_HEADER.replace(
            "virtual int area(); virtual int edges();", "virtual int edges(); virtual int area();"
        )
        after = self.side(self.package(bench, header, _CPP_SOURCE, suffix="cc"))
        assert self.compare(bench, before, after).verdict is CHANGED

    def test_bases_and_virtual_functions_without_code_are_found_in_public_classes_alone(self, bench: Bench) -> None:
        public = self.side(self.package(bench, _BASES_HEADER + _HIDDEN_CLASSES, _BASES_SOURCE, suffix="cc"))
        private = self.side(self.package(bench, _BASES_HEADER, _HIDDEN_CLASSES + _BASES_SOURCE, suffix="cc"))
        moved = _HIDDEN_CLASSES.replace("Left, Right", "Right, Left").replace("draw(int)", "draw(double)")
        source = _BASES_SOURCE.replace("draw(int)", "draw(double)")
        after = self.side(self.package(bench, _BASES_HEADER, moved + source, suffix="cc"))
        assert self.compare(bench, private, after).verdict is COMPATIBLE
        after = self.side(self.package(bench, _BASES_HEADER + moved, source, suffix="cc"))
        outcome = self.compare(bench, public, after)
        assert outcome.verdict is CHANGED
        assert outcome.report == (
            "  [C] class Both: its bases Left, Right became Right, Left",
            "  [C] class Sheet: its virtual function _ZN5Sheet4drawEi became _ZN5Sheet4drawEd",
        )

    def test_a_class_that_a_header_only_names_may_change_and_one_that_a_template_holds_may_not(
        self, bench: Bench
    ) -> None:
        held, inside = "class Held { int a; short b; };", "struct Shape::Inside { int a; long b; };"
        header = (
            f"#include <vector>\n{held} struct Shape {{ struct Inside; Inside *in; int f(std::vector<Held> &v); }};"
        )
        source = f'#include "shape.h"\n{inside} int Shape::f(std::vector<Held> &v) {{ return v.size() + in->a; }}'
        before = self.side(self.package(bench, header, source, suffix="cc"))
        moved = inside.replace("int a; long b;", "long b; int a;")
        private = self.package(bench, header, source.replace(inside, moved), suffix="cc")
        public = self.package(bench, header.replace(held, "class Held { short b; int a; };"), source, suffix="cc")
        assert self.compare(bench, before, self.side(private)).verdict is COMPATIBLE
        assert self.compare(bench, before, self.side(public)).verdict is CHANGED

    def test_a_file_that_is_no_library_is_not_judged(self, bench: Bench) -> None:
        before = self.side(self.package(bench, _C_HEADER, _C_SOURCE))
        outcome = self.compare(bench, before, replace(before, library="include/shape.h"))
        assert outcome.verdict is NOT_JUDGED
        assert outcome.reason == "abidw ended with status 1, for the new library"

    def test_one_directory_for_two_packages_is_refused(self, bench: Bench) -> None:
        before = self.side(self.package(bench, _C_HEADER, _C_SOURCE))
        other = replace(before, debug=replace(before.debug, tree=Digest.of(b"other")))
        with pytest.raises(InvalidOrderError, match="two packages"):
            self.compare(bench, before, other)
