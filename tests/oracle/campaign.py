"""All mutated sets of a run: a number of each kind, drawn from the sets of the distribution by one seed."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from tests.oracle import elf_editor as elf
from tests.oracle import path_mutations as paths
from tests.oracle import symbol_mutations as symbols

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.oracle.linked_set import LinkedSet
    from tests.oracle.mutation import Mutation

    Draw = Callable[[Random, LinkedSet], Mutation | None]

SEED = "farm oracle 1"
_HIDDEN = elf.HIDDEN_VERSION
_TRIES = 100

_PLAN: tuple[tuple[int, Draw], ...] = (
    # --- drop
    *((12, symbols.drop(how)) for how in ("hidden", "local", "undefined")),
    *((5, symbols.drop(how)) for how in ("internal", "of a file", "without a value")),
    *((12, symbols.drop(how, of="copied")) for how in ("hidden", "local")),
    (8, symbols.drop("hidden", of="libc")),
    # --- rename
    (14, symbols.rename_export),
    (10, symbols.rename_import),
    # --- version
    (8, symbols.version_of_export("hidden, wanted with its version", lambda _, edge: edge.export.version | _HIDDEN)),
    (6, symbols.version_of_export("none", lambda *_: 1)),
    (4, symbols.version_of_export("local", lambda *_: 0)),
    (8, symbols.version_of_export("none, hidden", lambda *_: 1 | _HIDDEN)),
    (10, symbols.version_of_export("another", symbols.another_version)),
    (8, symbols.rename_definition),
    (5, symbols.rename_need("need renamed", weak=False)),
    (5, symbols.rename_need("need renamed, weak", weak=True)),
    (4, symbols.rename_need("need renamed, of no symbol", weak=False, unused=True)),
    (4, symbols.rename_need("need renamed, weak, of no symbol", weak=True, unused=True)),
    (4, symbols.lose_versions),
    (5, symbols.add_versions("version", "versioned now, hidden", hidden=True)),
    (4, symbols.hide_unversioned),
    (5, symbols.unversioned_import("import without, the first", lambda index: index == 2, lambda index: index)),
    (5, symbols.unversioned_import("import without, the first, hidden", lambda i: i == 2, lambda i: i | _HIDDEN)),
    (5, symbols.unversioned_import("import without, a later one", lambda index: index > 2, lambda index: index)),
    (5, symbols.unversioned_import("import without, a later one, hidden", lambda i: i > 2, lambda i: i | _HIDDEN)),
    # --- path
    (6, paths.removed_library("library removed", only_link=False)),
    (6, paths.removed_library("link removed", only_link=True)),
    (5, paths.needed("path", "needs what is nowhere", "--add-needed", "libnowhere.so.1")),
    (5, paths.needed("path", "a need removed", "--remove-needed", "{soname}")),
    (5, paths.needed("path", "a path to nothing", "--replace-needed", "{soname}", "/usr/lib/no/{soname}")),
    (5, paths.needed("valid", "a path", "--replace-needed", "{soname}", "/usr/lib/{soname}")),
    (3, paths.other_machine),
    (4, paths.interpreter("path", "loader that is nowhere", "/lib64/ld-nowhere.so.2")),
    (3, paths.interpreter("valid", "loader by its other path", "/usr/lib/ld-linux-x86-64.so.2")),
    (2, paths.no_loader),
    (5, paths.no_default_directories),
    (6, paths.private("valid", "private, all look there", "/usr/lib/private")),
    (4, paths.private("valid", "private, by the old search path", "/usr/lib/private", options=("--force-rpath",))),
    (4, paths.private("path", "private, one looks there", "/usr/lib/private", for_all=False)),
    (4, paths.private("path", "private, they look elsewhere", "/usr/lib/privat")),
    (3, paths.private("valid", "private, by $LIB", "/usr/$LIB/private", directory=f"{paths.DEBIAN}/private")),
    (3, paths.private_of_library),
    (3, paths.private_of_program("valid", "private beside the program", own=True)),
    (3, paths.private_of_program("path", "private beside another package's program", own=False)),
    (3, paths.inherited("valid", "private, inherited", "--force-rpath")),
    (3, paths.inherited("path", "private, not inherited")),
    (4, paths.moved("path", "moved to where nobody looks", paths.PRIVATE)),
    (4, paths.moved("valid", "moved to Debian's directory", paths.DEBIAN)),
    (5, paths.second_copy("path", "a variant lacks a symbol", paths.VARIANT, lacking=True)),
    (3, paths.second_copy("valid", "a whole variant", paths.VARIANT, lacking=False)),
    (5, paths.second_copy("path", "a private copy lacks a symbol", paths.PRIVATE, found=True, lacking=True)),
    (3, paths.second_copy("valid", "a whole private copy", paths.PRIVATE, found=True, lacking=False)),
    (3, paths.second_copy("valid", "a copy that nobody finds", paths.PRIVATE, lacking=True)),
    (3, paths.both_paths),
    (3, paths.filters("path", "filter of what is nowhere", elf.DT_FILTER)),
    (3, paths.filters("valid", "auxiliary of what is nowhere", elf.DT_AUXILIARY)),
    # --- soname
    (4, paths.other_soname),
    (3, paths.no_soname),
    (6, paths.new_soname("soname", "new, nobody follows", followed="")),
    (4, paths.new_soname("soname", "new, all but one follow", followed="some")),
    (4, paths.new_soname("valid", "new soname, all follow", followed="all")),
    # --- valid
    (8, symbols.drop_unwanted),
    (6, symbols.drop_weakly_wanted),
    (5, symbols.rename_both),
    (5, symbols.move_export),
    (6, symbols.add_versions("valid", "versioned now", hidden=False)),
    (6, symbols.rename_unwanted),
    (3, symbols.alter_export("valid", "weak export", binding=elf.WEAK)),
    (3, symbols.alter_export("valid", "unique export", binding=elf.UNIQUE)),
    (3, symbols.alter_export("valid", "export of no type", type_=elf.NOTYPE)),
    # --- retype and resize
    (5, symbols.retype("function to object", elf.FUNC, elf.OBJECT)),
    (4, symbols.retype("function to thread's variable", elf.FUNC, elf.TLS)),
    (3, symbols.retype("function to indirect function", elf.FUNC, elf.IFUNC)),
    (3, symbols.retype("function to no type", elf.FUNC, elf.NOTYPE)),
    (5, symbols.retype("object to function", elf.OBJECT, elf.FUNC)),
    (4, symbols.retype("object to thread's variable", elf.OBJECT, elf.TLS)),
    (3, symbols.retype("object to no type", elf.OBJECT, elf.NOTYPE)),
    (5, symbols.protect(copied=True)),
    (3, symbols.protect(copied=False)),
    (6, symbols.resize("copied object grows", lambda size: size * 2, copied=True)),
    (6, symbols.resize("copied object shrinks", lambda size: size // 2, copied=True)),
    (5, symbols.resize("other object grows", lambda size: size * 2, copied=False)),
    # --- added later, so that the mutations above are drawn as before
    (3, paths.private("path", "private, by $LIB as if it were lib", "/usr/$LIB/private")),
    (4, paths.copy_for_another),
    (5, paths.linked_copy("path", "its link leads to a copy that lacks a symbol", "lib", lacking=True)),
    (3, paths.linked_copy("valid", "its link leads to a whole copy", "lib", lacking=False)),
    (4, paths.linked_copy("path", "a variant by a link lacks a symbol", paths.VARIANT, lacking=True)),
    (3, paths.linked_copy("valid", "a whole variant by a link", paths.VARIANT, lacking=False)),
    (4, paths.linked_copy("path", "a link on the path to what lacks a symbol", "lib/linked", found=True, lacking=True)),
    (3, paths.linked_copy("valid", "a link on the path to a whole copy", "lib/linked", found=True, lacking=False)),
)  # fmt: skip


def mutations(bases: Sequence[LinkedSet], seed: str = SEED) -> Iterator[Mutation]:
    """Yield the mutations of the plan, none twice. Each draws by its own position: a new last one changes no other."""
    for place, (count, draw) in enumerate(_PLAN):
        random = Random(f"{seed} {place}")
        drawn: set[tuple[str, str]] = set()
        for _ in range(_TRIES):
            if len(drawn) == count:
                break
            mutation = draw(random, random.choice(bases))
            if mutation is not None and (mutation.base.name, mutation.what) not in drawn:
                drawn.add((mutation.base.name, mutation.what))
                yield mutation
