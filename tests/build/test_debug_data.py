"""Debug data in a package of its own: found by build id, and no reason for a rebuild. Real toolchain."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import NoteSection

from farm.container.sandbox_spec import Variation
from farm.store.unpack import PackageCache
from tests.build.local_builds import GREET, HELLO

if TYPE_CHECKING:
    from pathlib import Path

    from farm.core.plan.job import BuiltPackage
    from tests.build.local_builds import Local

pytestmark = pytest.mark.toolchain

# A static library and an object next to the shared library, and a second name of the same file.
LIBRARY = (
    GREET.replace("{file: greet.c}", "[{file: greet.c}, {file: greet.h}]")
    + """\
      cc $CFLAGS -c -o greet.o /sources/greet.c
      ar rc libgreet.a greet.o
      install -D --mode=0644 --target-directory="$DESTDIR/usr/lib" libgreet.a greet.o
      install -D --mode=0644 --target-directory="$DESTDIR/usr/include" /sources/greet.h
      ln "$DESTDIR/usr/lib/libgreet.so.1" "$DESTDIR/usr/lib/greet-plugin.so"
outputs:
  dev: [include/**]
"""
)
HELLO_OF_HEADER = HELLO.replace("needs: [greet]", "needs: [greet, greet-dev]")
SHOUT = HELLO.replace("hello", "shout").replace("needs: [greet]", "needs: [hello]").replace(" -lgreet", "")
HEADER = b"const char *greet(void);\n"
PROGRAM = b"#include <stdio.h>\n#include <greet.h>\nint main(void) { puts(greet()); }\n"
MOVED = b"/* Greets whoever reads it. */\n" + HEADER


@pytest.fixture
def greeting(local: Local) -> Local:
    """`hello` is built with a header of `greet`, and `shout` against `hello`."""
    local.files |= {
        "packages/greet/recipe.yaml": LIBRARY.encode(),
        "packages/greet/greet.h": HEADER,
        "packages/hello/recipe.yaml": HELLO_OF_HEADER.encode(),
        "packages/hello/hello.c": PROGRAM,
        "packages/shout/recipe.yaml": SHOUT.encode(),
        "packages/shout/shout.c": b"int main(void) { return 0; }\n",
    }
    return local


def by_name(packages: tuple[BuiltPackage, ...]) -> dict[str, BuiltPackage]:
    return {package.descriptor.name.short: package for package in packages}


def unpacked(local: Local, package: BuiltPackage, folder: Path) -> Path:
    """Return the directory of a package's files."""
    descriptor = package.descriptor
    cache = PackageCache(folder)
    return cache.ensure(descriptor.store_path, descriptor.tree, lambda: local.state.store.open(package.archive.digest))


def build_id(path: Path) -> str:
    with path.open("rb") as file:
        section = ELFFile(file).get_section_by_name(".note.gnu.build-id")
        assert isinstance(section, NoteSection)
        (note,) = section.iter_notes()
        return str(note["n_desc"])


def without_build_id(path: Path) -> bytes:
    return path.read_bytes().replace(bytes.fromhex(build_id(path)), b"")


def sections(path: Path) -> set[str]:
    with path.open("rb") as file:
        return {section.name for section in ELFFile(file).iter_sections()}


def compiled_in(path: Path) -> set[str]:
    with path.open("rb") as file:
        units = ELFFile(file).get_dwarf_info().iter_CUs()
        return {unit.get_top_DIE().attributes["DW_AT_comp_dir"].value.decode() for unit in units}


def test_a_line_more_in_a_header_changes_debug_data_and_builds_nothing_further(greeting: Local) -> None:
    first = by_name(greeting.builds().build(["shout", "hello"]))
    greeting.files["packages/greet/greet.h"] = MOVED
    second = by_name(greeting.builds().build(["shout", "hello"]))
    trees = {name: (first[name].descriptor.tree, second[name].descriptor.tree) for name in first}
    assert {name for name, (before, after) in trees.items() if before != after} == {"hello-debug"}
    assert {("hello", "built"), ("shout", "kept")} <= set(greeting.seen)


def test_debug_data_is_found_by_the_build_id_and_by_nothing_else(greeting: Local, tmp_path: Path) -> None:
    built = by_name(greeting.builds().build(["greet"]))
    package, debug = (unpacked(greeting, built[name], tmp_path / "cache") for name in ("greet", "greet-debug"))
    stripped = package / "lib/libgreet.so.1"
    identity = build_id(stripped)
    (file,) = (debug / "lib/debug/.build-id").rglob("*.debug")
    assert f"{file.parent.name}{file.stem}" == identity == build_id(file)
    assert not {name for name in sections(stripped) if name.startswith((".debug", ".gnu_debuglink", ".symtab"))}
    assert {".debug_info", ".debug_line"} <= sections(file)
    # The path where a debugger finds the sources, not their path in the build.
    assert compiled_in(file) == {"/usr/src/greet-1.0"}
    assert build_id(package / "lib/greet-plugin.so") == identity
    for other in ("greet.o", "libgreet.a"):
        assert b".debug_info" not in (package / "lib" / other).read_bytes()


def test_a_debugger_shows_the_source_line_of_a_stripped_program(greeting: Local, tmp_path: Path) -> None:
    assert shutil.which("gdb"), "this test asks gdb: run script/bootstrap --test"
    built = by_name(greeting.builds().build(["hello"]))
    package, debug = (unpacked(greeting, built[name], tmp_path / "cache") for name in ("hello", "hello-debug"))
    asked = ("-ex", f"set debug-file-directory {debug}/lib/debug", "-ex", f"file {package}/bin/hello")
    command = ["gdb", "--batch", "--nx", *asked, "-ex", "info line main"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert 'Line 3 of "/sources/hello.c"' in shown


def test_both_halves_come_out_equal_elsewhere_at_another_time(greeting: Local) -> None:
    rebuilt = greeting.builds().rebuild("hello", Variation("elsewhere", "0", 400 * 86_400))
    assert {package.package.rpartition("/")[2]: package.difference is None for package in rebuilt} == {
        "hello": True,
        "hello-debug": True,
    }


def test_packages_with_the_same_program_do_not_claim_the_same_path(greeting: Local, tmp_path: Path) -> None:
    greeting.files |= {"packages/hello/recipe.yaml": HELLO.replace("needs: [greet]", "needs: []").encode()}
    greeting.files |= {"packages/hello/hello.c": b"#include <sys/types.h>\nint main(void) { return 0; }\n"}
    greeting.files["packages/hello/recipe.yaml"] = greeting.files["packages/hello/recipe.yaml"].replace(
        b" -lgreet", b""
    )
    built = by_name(greeting.builds().build(["hello", "shout"]))
    cache = tmp_path / "cache"
    programs = [unpacked(greeting, built[name], cache) / "bin" / name for name in ("hello", "shout")]
    assert len({without_build_id(path) for path in programs}) == 1, "they should be equal but for their ids"
    assert build_id(programs[0]) != build_id(programs[1])


def test_debug_data_is_in_no_closure_unless_it_is_asked_for(greeting: Local) -> None:
    builds = greeting.builds()
    names = {package.descriptor.name.short for package in builds.closure(["hello"])}
    assert names == {"glibc", "greet", "hello"}
    assert {package.descriptor.name.short for package in builds.closure(["hello-debug"])} == {"hello-debug"}


def test_symbols_are_kept_where_a_recipe_says_so(greeting: Local) -> None:
    greeting.files["packages/hello/recipe.yaml"] += b'environment: {KEEP_SYMBOLS: "yes"}\n'
    assert by_name(greeting.builds().build(["hello"])).keys() == {"hello"}
