"""Which types of a library are in no public header of its build: only those may change freely."""

from __future__ import annotations

import re

import pytest

from farm.build.abi.interface_description import DeclaredType, InterfaceDescription, TypeKind
from farm.build.abi.private_types import defined_names, is_own_source, suppression


@pytest.mark.parametrize(
    "header",
    [
        "struct shape { int x; };",
        "struct shape\n{ int x; };",
        "typedef struct shape { int x; } form;",
        "typedef struct { int x; } shape;",
        "union shape { int x; };",
        "enum shape { ROUND };",
        "enum class shape : int { ROUND };",
        "struct __attribute__((packed)) shape { int x; };",
        "struct SHAPE_API shape { int x; };",
        "class alignas(16) shape final : public form { };",
        "struct shape : form<int> { };",
        "template <class T> struct shape { T x; };",
        "template <> struct shape<int> { int x; };",
        "struct /* { */ shape // ;\n{ int x; };",
        'extern "C" { struct shape { int x; }; }',
        "#define FORM(name) struct name { int x; }\nFORM(shape);",
        "SHAPE_DEFINE(int, shape)",
        "struct outer { struct shape { int x; } inner; };",
    ],
)
def test_a_type_that_a_header_defines_is_public(header: str) -> None:
    assert "shape" in defined_names(header)


@pytest.mark.parametrize(
    "header",
    [
        "struct shape;",
        "typedef struct shape shape;",
        "typedef struct shape *shape;",
        "class shape; std::unique_ptr<shape> make();",
        "int area(struct shape *of);",
        "int area(const struct shape *, int);",
        "static inline struct shape *same(struct shape *x) { return x; }",
        "struct form { struct shape *next; };",
        "SHAPE_API(struct shape *) make(void);",
        "// struct shape { int x; };",
        "/* struct shape { int x; }; */",
        'const char *text = "struct shape { int x; };";',
    ],
)
def test_a_type_that_a_header_only_declares_is_not(header: str) -> None:
    assert "shape" not in defined_names(header)


@pytest.mark.parametrize("path", ["src/shape.c", "/usr/src/shape-1.0/shape.c", "/build/src/shape.c"])
def test_what_is_built_is_the_librarys_own(path: str) -> None:
    assert is_own_source(path)


@pytest.mark.parametrize("path", ["/usr/include/shape.h", "/usr/lib/glib-2.0/include/glibconfig.h", "/opt/shape.h"])
def test_what_is_installed_is_not(path: str) -> None:
    assert not is_own_source(path)


def left_out(
    *types: DeclaredType, names: tuple[str, ...] = (), headers: tuple[str, ...] = ("include/a/shape.h",)
) -> str:
    known = InterfaceDescription(types=set(types))
    return suppression(known, known, headers=headers, names=names)


def test_what_a_header_defines_is_kept_by_name_where_it_stands_in_no_file_of_a_headers_name() -> None:
    text = left_out(
        DeclaredType("shape", "/usr/src/shape-1.0/src/shape.h"),
        DeclaredType("size_t", "/usr/include/stddef.h"),
        DeclaredType("point", "shape.c"),
        DeclaredType("Stack<int, 3>", "stack.cc"),
        DeclaredType("private", "shape.c"),
        DeclaredType("form", "shape.c", unnamed=True),
        names=("point", "Stack"),
    )
    assert "source_location_not_in = shape.h\n" in text
    assert "name_not_regexp = ^(.*::)?(__anonymous_.*|Stack<int. 3>|form|point)$\n" in text


def test_no_typedef_is_left_out_and_each_kind_keeps_its_own() -> None:
    types = (
        DeclaredType("shape", "shape.c"),
        DeclaredType("mode", "shape.c", kind=TypeKind.ENUM),
        DeclaredType("value", "shape.c", kind=TypeKind.UNION),
    )
    sections = left_out(*types, names=("shape", "mode", "value")).split("[suppress_type]\n")[1:]
    said = [dict(line.split(" = ", 1) for line in section.splitlines()) for section in sections]
    assert [(section["type_kind"], section["name_not_regexp"]) for section in said] == [
        ("class", "^(.*::)?(__anonymous_.*|shape)$"),
        ("enum", "^(.*::)?(__anonymous_.*|mode)$"),
        ("union", "^(.*::)?(__anonymous_.*|value)$"),
    ]


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("/usr/include/stdio.h", True),
        ("/opt/shape.h", True),
        ("/usr/srcs/shape.c", True),
        ("/usr/src/shape-1.0/shape.c", False),
        ("/build/src/shape.c", False),
        ("src/shape.c", False),
        ("./shape.c", False),
    ],
)
def test_what_is_installed_is_kept_by_its_path(path: str, *, kept: bool) -> None:
    (line,) = {setting for setting in left_out().split("\n") if setting.startswith("source_location_not_regexp")}
    assert bool(re.search(line.partition(" = ")[2], path)) is kept is not is_own_source(path)


def test_what_cannot_be_written_down_leaves_nothing_out() -> None:
    assert left_out(headers=("include/a, b.h",)) == ""
    assert left_out(DeclaredType("x" * 100_000, "shape.c"), names=("x" * 100_000,)) == ""


@pytest.mark.parametrize(
    "hostile", ["/*", "struct (", "struct a b ", "class a ", "enum class ", "AAA(", "} a ", "AAA ", '"']
)
def test_a_header_takes_time_by_its_length_alone(hostile: str) -> None:
    # An algorithm that is quadratic in the length would not end.
    assert len(defined_names(hostile * 50_000)) < 5
