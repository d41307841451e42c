from __future__ import annotations

import pytest

from farm.core.package.facts import ModuleVersion, PkgConfigLibraries, PkgConfigModule
from farm.core.package.pkgconfig import InvalidPkgConfigError, parse_pkg_config

CURL = """\
# comment
prefix=/usr
exec_prefix=${prefix}
libdir = ${exec_prefix}/lib   # where
base=8.14
full=${base}.1

Name: libcurl
Version: ${full}
Requires: zlib >= 1.2, libzstd \\
   openssl
Requires.private: libbrotlidec > 1,libfoo=2
Libs: -L${libdir} -lcurl
"""


def test_variables_continued_lines_comments_and_version_ranges() -> None:
    assert parse_pkg_config("libcurl", CURL) == PkgConfigModule(
        "libcurl",
        "8.14.1",
        ("libzstd", "openssl", "zlib"),
        ("libbrotlidec", "libfoo"),
        PkgConfigLibraries(("curl",), (), ("/usr/lib",)),
        tuple(ModuleVersion(*text.split()) for text in ("libbrotlidec > 1", "libfoo = 2", "zlib >= 1.2")),
    )


def test_the_name_is_the_name_of_the_file_whatever_the_text_says() -> None:
    assert parse_pkg_config("ncurses", "Name: something\nVersion: 6.5\n").name == "ncurses"


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("a=1\nb=${a}${a}\nVersion: ${b}\n", "11"),
        ("a=${b}\nb=2\nVersion: x${a}\n", "x"),
        ("a=${a}\nVersion: x${a}\n", "x"),
        ("Version: 1$$2\n", "1$2"),
        ("Version: ${unknown}3\n", "3"),
        ("version: 4\r\n", "4"),
    ],
)
def test_a_variable_has_the_value_that_it_had_so_far(text: str, version: str) -> None:
    assert parse_pkg_config("x", text).version == version


def test_a_module_without_version_is_refused_by_name() -> None:
    with pytest.raises(InvalidPkgConfigError, match="module zlib: it has no Version"):
        parse_pkg_config("zlib", "Name: zlib\n")


def test_variables_that_double_themselves_are_refused() -> None:
    lines = ["a0=xxxxxxxx", *(f"a{n}=${{a{n - 1}}}${{a{n - 1}}}" for n in range(1, 64)), "Version: 1"]
    with pytest.raises(InvalidPkgConfigError, match="expand to more than 1 MiB"):
        parse_pkg_config("bomb", "\n".join(lines))


@pytest.mark.parametrize(
    ("libs", "private", "found"),
    [
        ("-lz -L/usr/lib -lz", "-lm", PkgConfigLibraries(("z",), ("m",), ("/usr/lib",))),
        ("-l z -L /opt/a\\ b", "", PkgConfigLibraries(("z",), (), ("/opt/a b",))),
        ('-L"/opt/a b" -Wl,-lx -pthread', "-L/x", PkgConfigLibraries((), (), ("/opt/a b", "/x"))),
        ("${libdir}/libz.so -l", "", PkgConfigLibraries()),
    ],
)
def test_the_libraries_for_a_linker_are_told(libs: str, private: str, found: PkgConfigLibraries) -> None:
    text = f"libdir=/usr/lib\nVersion: 1\nLibs: {libs}\nLibs.private: {private}\n"
    assert parse_pkg_config("x", text).libraries == found


def test_of_lists_each_line_adds_to_those_before_and_of_texts_the_last_counts() -> None:
    text = """Version: 1
Version: 2
Requires: a
Requires: b >= 1
Requires.internal: c < 3
Provides: virtual = 2, other
Conflicts: d, e > 4
Libs: -la
Libs: -L /x.so ${pc}/usr/lib/libb.so.1 "/usr/lib/libc.a" /usr/lib/crt1.o
"""
    assert parse_pkg_config("x", text) == PkgConfigModule(
        "x",
        "2",
        ("a", "b"),
        (),
        PkgConfigLibraries(("a",), (), ("/x.so",)),
        (ModuleVersion("b", ">=", "1"), ModuleVersion("c", "<", "3")),
        ("c",),
        (ModuleVersion("other", "", ""), ModuleVersion("virtual", "=", "2")),
        (ModuleVersion("d", "", ""), ModuleVersion("e", ">", "4")),
        ("/usr/lib/libb.so.1", "/usr/lib/libc.a"),
    )
