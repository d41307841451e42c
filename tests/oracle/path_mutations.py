"""Mutations of names and places: sonames, needed names, search paths, interpreters, private directories, variants."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from tests.oracle import elf_editor as elf
from tests.oracle.linked_set import LOADER
from tests.oracle.mutation import Changes, Mutation, patched

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from tests.oracle.linked_set import BinaryFile, LinkedSet

    Draw = Callable[[Random, LinkedSet], Mutation | None]

PRIVATE = "lib/private"
DEBIAN = "lib/x86_64-linux-gnu"
VARIANT = "lib/glibc-hwcaps/x86-64-v2"
_AARCH64 = 183


def needed(group: str, kind: str, *options: str) -> Draw:
    """Rewrite what a file needs; `{soname}` in an option is the library's."""

    def draw(random: Random, base: LinkedSet) -> Mutation | None:
        file, found = random.choice(base.links)
        words = [option.format(soname=found.elf.soname) for option in options]
        return _mutation(group, kind, file, found, base, Changes().write(file, patched(file.content, *words)))

    return draw


def removed_library(kind: str, *, only_link: bool) -> Draw:
    """Remove a library, or only the link by whose name it is found."""

    def draw(random: Random, base: LinkedSet) -> Mutation | None:
        file, library = random.choice(base.links)
        link = f"lib/{library.elf.soname}"
        if only_link and link not in library.places[1:]:
            return None
        return _mutation("path", kind, file, library, base, Changes().remove(library, *([link] if only_link else ())))

    return draw


def other_machine(random: Random, base: LinkedSet) -> Mutation | None:
    """Mark a library as one for another machine, which the loader passes over."""
    file, library = random.choice(base.links)
    changes = Changes().write(library, library.edited().put_machine(_AARCH64).content)
    return _mutation("path", "library of another machine", file, library, base, changes)


def interpreter(group: str, kind: str, path: str) -> Draw:
    """Let a program name another loader."""

    def draw(random: Random, base: LinkedSet) -> Mutation | None:
        program = _program(random, base)
        changes = Changes().write(program, patched(program.content, "--set-interpreter", path))
        return _mutation(group, kind, program, None, base, changes)

    return draw


def no_loader(random: Random, base: LinkedSet) -> Mutation | None:
    """Remove the link by which programs find the loader."""
    program, changes = _program(random, base), Changes()
    changes.root_links["glibc"] = ()
    return _mutation("path", "no loader", program, None, base, changes)


def no_default_directories(random: Random, base: LinkedSet) -> Mutation | None:
    """Let a file's needs be searched on its search path alone, and give it none."""
    file, library = random.choice(base.links)
    changes = Changes().write(file, patched(file.content, "--no-default-lib"))
    return _mutation("path", "no default directories", file, library, base, changes)


def private(
    group: str,
    kind: str,
    search: str,
    *,
    options: tuple[str, ...] = (),
    for_all: bool = True,
    directory: str = PRIVATE,
) -> Draw:
    """Move a library to a private directory, with a search path for all who need it, or for one of several."""

    def draw(random: Random, base: LinkedSet) -> Mutation | None:
        choices = [pair for pair in base.links if len(base.users(pair[1])) > (0 if for_all else 1)]
        if not choices:
            return None
        file, library = random.choice(choices)
        changes = _moved(library, directory)
        for user in base.users(library) if for_all else [file]:
            changes.write(user, patched(user.content, *options, "--set-rpath", search))
        return _mutation(group, kind, file, library, base, changes)

    return draw


def private_of_library(random: Random, base: LinkedSet) -> Mutation | None:
    """Let the libraries that need a library search their own directory; the library is of any package.

    The loader takes `$ORIGIN` of a library from the path that it was opened by, which is a link of the root.
    """
    fits = [
        (file, library)
        for file, library in base.links
        if all(library_user.is_library for library_user in base.users(library))
    ]
    if not fits:
        return None
    file, library = random.choice(fits)
    changes = _moved(library, PRIVATE)
    for user in base.users(library):
        changes.write(user, patched(user.content, "--set-rpath", "$ORIGIN/private"))
    return _mutation("valid", "private beside libraries", file, library, base, changes)


def private_of_program(group: str, kind: str, *, own: bool) -> Draw:
    """Let the programs that need a library search their own directory: where it is `own`, or another package has it.

    The loader takes `$ORIGIN` of a program from its real path, not from the link that it was started by.
    """

    def draw(random: Random, base: LinkedSet) -> Mutation | None:
        fits = [
            (file, library)
            for file, library in base.links
            if posixpath.dirname(file.path) == "bin" and base.users(library) == [file]
            and (own or file.package != library.package)
        ]  # fmt: skip
        if not fits:
            return None
        file, library = random.choice(fits)
        changes = _moved(library, PRIVATE, file if own else None)
        changes.write(file, patched(file.content, "--set-rpath", "$ORIGIN/../lib/private"))
        return _mutation(group, kind, file, library, base, changes)

    return draw


def inherited(group: str, kind: str, *options: str) -> Draw:
    """Move a library and one that it needs to a private directory that only the program searches.

    A search path of the old kind (DT_RPATH) is inherited by what the program loads; one of the new kind is not.
    """

    def draw(random: Random, base: LinkedSet) -> Mutation | None:
        chains = [
            (program, first, second)
            for program, first in base.links
            for other, second in base.links
            if other is first and program.is_program and base.users(first) == [program]
            and base.users(second) == [first]
        ]  # fmt: skip
        if not chains:
            return None
        program, first, second = random.choice(chains)
        changes = _moved(first, PRIVATE)
        for package, put in _moved(second, PRIVATE).put.items():
            changes.put.setdefault(package, {}).update(put)
        changes.remove(second)
        changes.write(program, patched(program.content, *options, "--set-rpath", f"/usr/{PRIVATE}"))
        return _mutation(group, kind, program, second, base, changes)

    return draw


def moved(group: str, kind: str, directory: str) -> Draw:
    """Move a library to another directory, without a search path to it."""

    def draw(random: Random, base: LinkedSet) -> Mutation | None:
        file, library = random.choice(base.links)
        return _mutation(group, kind, file, library, base, _moved(library, directory))

    return draw


def second_copy(group: str, kind: str, directory: str, *, found: bool = False, lacking: bool) -> Draw:
    """Add a copy of a library, whole or lacking a symbol; `found` by a search path of the file that imports that."""

    def draw(random: Random, base: LinkedSet) -> Mutation | None:
        edges = [
            own_edge for own_edge in base.own_edges if own_edge.library.is_library and not own_edge.importer.loaders
        ]
        edge = random.choice(edges)
        copy = edge.library.edited()
        if lacking:
            copy.put(edge.export, visibility=elf.HIDDEN)
        changes = Changes().write(edge.library, copy.content, f"{directory}/{edge.library.elf.soname}")
        if found:
            changes.write(edge.importer, patched(edge.importer.content, "--set-rpath", f"/usr/{directory}"))
        return _mutation(group, kind, edge.importer, edge.library, base, changes)

    return draw


def linked_copy(group: str, kind: str, directory: str, *, found: bool = False, lacking: bool) -> Draw:
    """Add a copy of a library far away, whole or lacking a symbol, and point the name that users need to it: the link
    in lib, next to the unchanged library, or one in another directory, `found` by a search path of an importer.
    """

    def draw(random: Random, base: LinkedSet) -> Mutation | None:
        edges = [
            own_edge for own_edge in base.own_edges if own_edge.library.is_library and not own_edge.importer.loaders
        ]
        edge = random.choice([own_edge for own_edge in edges if len(own_edge.library.places) > 1])
        copy = edge.library.edited()
        if lacking:
            copy.put(edge.export, visibility=elf.HIDDEN)
        place, name = f"{PRIVATE}/far/away.so", edge.library.elf.soname
        changes = Changes().write(edge.library, copy.content, place)
        changes.link[edge.library.package] = {f"{directory}/{name}": posixpath.relpath(place, directory)}
        if found:
            changes.write(edge.importer, patched(edge.importer.content, "--set-rpath", f"/usr/{directory}"))
        return _mutation(group, kind, edge.importer, edge.library, base, changes)

    return draw


def copy_for_another(random: Random, base: LinkedSet) -> Mutation | None:
    """Let a program find a private copy of a library that lacks what another of its libraries needs of the first.

    Both need one name, and the copy is what is loaded under it first.
    """
    edges = [
        (program, edge)
        for edge in base.own_edges
        if edge.importer.is_library and edge.library.is_library
        for program in base.users(edge.library)
        if program.is_program and edge.importer in base.needed(program)
        and edge.wanted.name not in {symbol.name for symbol in program.elf.symbols}
    ]  # fmt: skip
    if not edges:
        return None
    program, edge = random.choice(edges)
    copy = edge.library.edited().put(edge.export, visibility=elf.HIDDEN)
    changes = Changes().write(edge.library, copy.content, f"{PRIVATE}/{edge.library.elf.soname}")
    changes.write(program, patched(program.content, "--set-rpath", f"/usr/{PRIVATE}"))
    return _mutation("path", "a private copy lacks what another wants", edge.importer, edge.library, base, changes)


def both_paths(random: Random, base: LinkedSet) -> Mutation | None:
    """Give a file search paths of both kinds: the old one leads to the library, and is ignored."""
    fits = [(file, library) for file, library in base.links if base.users(library) == [file]]
    if not fits:
        return None
    file, library = random.choice(fits)
    editor = elf.ElfEditor(patched(file.content, "--set-rpath", f"/usr/{PRIVATE}"))
    nowhere = editor.place_of(library.elf.soname)
    editor.retag(elf.DT_RUNPATH, elf.DT_RPATH)
    editor.add_tag(elf.DT_RUNPATH, nowhere)
    changes = _moved(library, PRIVATE).write(file, editor.content)
    return _mutation("path", "the old search path beside a new one", file, library, base, changes)


def filters(group: str, kind: str, tag: int) -> Draw:
    """Let a library name a filtee that does not exist: its own soname without the first letter."""

    def draw(random: Random, base: LinkedSet) -> Mutation | None:
        file, library = random.choice(base.links)
        editor = library.edited()
        try:
            editor.add_tag(tag, editor.place_of(library.elf.soname[1:]))
        except ValueError:
            return None
        return _mutation(group, kind, file, library, base, Changes().write(library, editor.content))

    return draw


def other_soname(random: Random, base: LinkedSet) -> Mutation | None:
    """Give a library another soname, under the old name of its file: it is found by the file name."""
    file, library = random.choice(base.links)
    changes = Changes().write(library, patched(library.content, "--set-soname", f"{library.elf.soname}.99"))
    return _mutation("soname", "another in the old file", file, library, base, changes)


def no_soname(random: Random, base: LinkedSet) -> Mutation | None:
    """Remove a library's soname: it is found by the name of its file."""
    file, library = random.choice(base.links)
    changes = Changes().write(library, library.edited().retag(elf.DT_SONAME).content)
    return _mutation("soname", "none", file, library, base, changes)


def new_soname(group: str, kind: str, *, followed: str) -> Draw:
    """Give a library a new soname, and its file too; no user follows, all but one (`some`), or `all`."""

    def draw(random: Random, base: LinkedSet) -> Mutation | None:
        choices = [pair for pair in base.links if followed != "some" or len(base.users(pair[1])) > 1]
        if not choices:
            return None
        file, library = random.choice(choices)
        old, new = library.elf.soname, f"{library.elf.soname}9"
        changes = Changes().remove(library)
        changes.write(library, patched(library.content, "--set-soname", new), f"lib/{new}")
        for user in base.users(library):
            if followed == "all" or (followed == "some" and user is not file):
                changes.write(user, patched(user.content, "--replace-needed", old, new))
        return _mutation(group, kind, file, library, base, changes)

    return draw


def _moved(library: BinaryFile, directory: str, to: BinaryFile | None = None) -> Changes:
    changes = Changes().remove(library)
    return changes.write(to or library, library.content, f"{directory}/{library.elf.soname}")


def _program(random: Random, base: LinkedSet) -> BinaryFile:
    return random.choice([file for file in base.files if file.is_program and not file.path.endswith(LOADER)])


def _mutation(  # noqa: PLR0917
    group: str, kind: str, file: BinaryFile, library: BinaryFile | None, base: LinkedSet, changes: Changes
) -> Mutation:
    of = f" and {library.path} of {library.package}" if library else ""
    named = [(binary.package, binary.path) for binary in (file, library) if binary is not None]
    return Mutation(group, kind, f"{file.path}{of}", base, changes.edits, tuple(named))
