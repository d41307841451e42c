"""Dlopen notes: the libraries that a library opens, and changes that replace one of these or break it."""

from farm.core.package.elf.details import DlopenNote
from farm.core.sets.proof.prover import Prover, prove
from tests.core.sets.values import elf, member, prove_change, the_set

REQUIRED = DlopenNote(("libplug.so",), "", "required")


def plug(**more):
    return member("plug", {"lib/libplug.so": elf(soname="libplug.so", exports=["p"], **more)})


def middle(*notes):
    return member("middle", {"lib/libmid.so": elf(soname="libmid.so", exports=["m"], dlopen=notes)})


def program(**more):
    return member("program", {"bin/program": elf(needs=["libmid.so"], kind="pie", **more)})


CHANGES = [
    (middle(REQUIRED), []),
    (plug(only_at_start=True), ["missing-soname"]),
    (plug(imports=["callback"]), ["missing-symbol"]),
    (program(exports=["callback"]), []),
    (program(), ["missing-symbol"]),
    (middle(), ["missing-symbol"]),
    (plug(), []),
    (program(exports=["callback"]), []),
    (plug(imports=["callback"]), ["missing-symbol"]),
    (middle(REQUIRED), []),
]


def test_changes_of_all_that_has_a_part_in_it_are_seen():
    members = {package.name: package for package in (plug(), middle(), program())}
    prover = Prover(members.values())
    for changed, codes in CHANGES:
        members[changed.name] = changed
        proof = prove_change(prover, add=[changed])
        assert proof == prove(the_set(*members.values()))
        assert [problem.code for problem in proof.problems] == codes


def test_a_library_for_the_start_alone_is_named_with_the_reason():
    (problem,) = prove(the_set(plug(only_at_start=True), middle(REQUIRED))).problems
    assert problem.message == (
        "middle 1.0-1: lib/libmid.so needs libplug.so, which no package of the set provides; "
        "that of plug 1.0-1 may be loaded at the start of a program only"
    )


def test_what_is_opened_takes_symbols_in_the_order_of_the_program():
    first = member("first", {"lib/libfirst.so": elf(soname="libfirst.so", exports=["p"])})
    opened = elf(soname="libplug.so", needs=["libown.so"], imports=["p"])
    files = {"lib/libplug.so": opened, "lib/libown.so": elf(soname="libown.so", exports=["p"])}
    user = member("user", {"bin/user": elf(needs=["libfirst.so"], kind="pie", dlopen=(REQUIRED,))})
    (note,) = prove(the_set(first, member("plug", files), user)).notes
    assert note.code == "interposition"
    assert note.packages == ("plug", "first")
