"""A program takes each symbol from the first loaded library that has it, even if it was linked with another one."""

import re

import pytest

from farm.core.package.elf.facts import ImportedSymbol, Symbol
from farm.core.sets.proof.prover import Prover, prove
from tests.core.sets.values import elf, member, prove_change, the_set

FUNCTION, VARIABLE = Symbol("act", "", "function"), Symbol("act", "", "object", size=160)


def first(*exports):
    return member("first", {"lib/libfirst.so": elf(soname="libfirst.so", exports=["y", *exports])})


def wanted(export=FUNCTION):
    return member("wanted", {"lib/libwanted.so": elf(soname="libwanted.so", exports=[export])})


def user(*imports, **more):
    return member("user", {"lib/libuser.so": elf(soname="libuser.so", needs=["libwanted.so"], imports=imports, **more)})


def program(**more):
    return member("program", {"bin/program": elf(needs=["libfirst.so", "libuser.so"], kind="pie", **more)})


def notes(*members):
    return [note.message for note in prove(the_set(*members)).notes]


def test_a_library_that_comes_first_is_told_with_both_files():
    (message,) = notes(first(FUNCTION), wanted(), user("act"), program())
    assert message == (
        "user 1.0-1: lib/libuser.so imports act, and takes it from lib/libfirst.so of first 1.0-1, "
        "not from lib/libwanted.so of wanted 1.0-1"
    )


def test_what_nobody_imports_is_not_told():
    assert notes(first(FUNCTION), wanted(), user(), program()) == []


def test_without_a_program_that_loads_both_there_is_nothing_to_tell():
    assert notes(first(FUNCTION), wanted(), user("act")) == []


@pytest.mark.parametrize(
    "name", ["_ZNSt6vectorIiSaIiEE9push_backEi", "_ZTV3One", "_ZNSs4_RepE", "__bss_start", "_init"]
)
def test_what_every_file_has_a_copy_of_is_not_told(name):
    assert notes(first(name), wanted(Symbol(name)), user(name), program()) == []


@pytest.mark.parametrize("name", ["_ZN3One3actEv", "_Z3acti"])
def test_a_function_of_cxx_is_told(name):
    assert len(notes(first(name), wanted(Symbol(name)), user(name), program())) == 1


def test_another_class_is_a_problem_that_names_all_of_them():
    (problem,) = prove(the_set(first(VARIABLE), wanted(), user("act"), program())).problems
    assert problem.code == "clashing-interposition"
    assert problem.packages == ("program", "user", "first", "wanted")
    assert problem.message == (
        "program 1.0-1: where bin/program runs, lib/libuser.so of user 1.0-1 takes act from lib/libfirst.so of "
        "first 1.0-1: it is a variable there, and a function in lib/libwanted.so of wanted 1.0-1"
    )


def test_of_old_facts_no_class_is_judged():
    proof = prove(the_set(first(Symbol("act")), wanted(), user("act"), program()))
    assert proof.holds
    assert len(proof.notes) == 1


CHANGES = {
    "the first one gains it": [first(), first(VARIABLE), first(FUNCTION), first()],
    "the user imports it": [user(), user("act"), user(ImportedSymbol("act", symbol_class="function")), user()],
    "the wanted one has it": [wanted(Symbol("old")), wanted(), wanted(VARIABLE), wanted(Symbol("old"))],
    "the program has it itself": [program(), program(exports=[VARIABLE]), program(exports=[FUNCTION]), program()],
}


@pytest.mark.parametrize("change", CHANGES)
def test_changes_of_any_of_them_are_seen(change):
    members = {package.name: package for package in [first(FUNCTION), wanted(), user("act"), program()]}
    prover = Prover(members.values())
    for changed in CHANGES[change]:
        members[changed.name] = changed
        assert prove_change(prover, add=[changed]) == prove(the_set(*members.values()))


def test_a_change_far_from_what_is_shared_touches_nothing_else():
    others = [
        member(f"other{number}", {f"bin/{number}": elf(needs=["libfirst.so"], kind="pie")}) for number in range(9)
    ]
    prover = Prover([first(FUNCTION), wanted(), user("act"), program(), *others])
    prove_change(prover, add=[first(FUNCTION, "new")])
    assert prover.checked == 1


def test_the_summary_tells_one_of_many():
    users = [
        member(f"user{n}", {f"lib/lib{n}.so": elf(soname=f"lib{n}.so", needs=["libwanted.so"], imports=["act"])})
        for n in range(5)
    ]
    needs = ["libfirst.so", *(f"lib{n}.so" for n in range(5))]
    everything = [first(FUNCTION), wanted(), *users, member("program", {"bin/program": elf(needs=needs, kind="pie")})]
    assert re.search(r"note: .* \(and 4 more like it\)$", prove(the_set(*everything)).summary)
