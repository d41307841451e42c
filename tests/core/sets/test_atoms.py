"""Which changes move together: found by the proof, not from a list that a person wrote."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from farm.core.sets.members.package_set import PackageSet
from farm.core.sets.proof.atoms import find_atoms
from farm.core.sets.proof.prover import prove
from farm.core.sets.proof.trial import TrialSet
from tests.core.sets.values import elf, member


def library(soname, *exports, version="1.0"):
    return member("lib", {f"lib/{soname}": elf(soname=soname, exports=exports)}, version=version)


def user(name, soname, *imports, version="1.0"):
    return member(name, {f"bin/{name}": elf(needs=[soname], imports=imports)}, version=version)


def atoms(base, *changes, remove=(), **more):
    trial = TrialSet(base)
    wanted = {change.name: change for change in changes} | dict.fromkeys(remove)
    return {atom.names: set(atom.needs) for atom in find_atoms(trial, wanted, **more)}


BASE = [library("lib.so.1", "open"), user("one", "lib.so.1", "open"), user("two", "lib.so.1", "open"), member("apart")]


def test_changes_that_have_nothing_to_do_with_each_other_are_atoms_of_their_own():
    found = atoms(BASE, member("apart", version="2.0"), user("one", "lib.so.1", "open", version="2.0"))
    assert found == {("apart",): set(), ("one",): set()}


def test_a_changed_soname_moves_with_all_that_use_it():
    found = atoms(
        BASE,
        library("lib.so.2", "open", version="2.0"),
        user("one", "lib.so.2", "open", version="2.0"),
        user("two", "lib.so.2", "open", version="2.0"),
        member("apart", version="2.0"),
    )
    assert found == {("lib", "one", "two"): set(), ("apart",): set()}


def test_a_removed_symbol_moves_with_the_dependent_that_no_longer_imports_it():
    found = atoms(
        BASE,
        library("lib.so.1", "open2", version="2.0"),
        *[user(name, "lib.so.1", "open2", version="2.0") for name in ("one", "two")],
    )
    assert found == {("lib", "one", "two"): set()}


def test_a_new_symbol_comes_before_the_program_that_imports_it_and_is_no_atom_with_it():
    found = atoms(
        BASE,
        library("lib.so.1", "open", "more", version="2.0"),
        user("one", "lib.so.1", "more", version="2.0"),
    )
    assert list(found) == [("lib",), ("one",)]
    assert found["one",] == {"lib"}


def test_a_new_package_comes_before_what_requires_it():
    found = atoms(BASE, member("apart", version="2.0", requires=["new"]), member("new"))
    assert found == {("new",): set(), ("apart",): {"new"}}


def test_a_package_leaves_after_what_required_it_has_changed():
    base = [*BASE, member("old"), member("needs-old", requires=["old"])]
    found = atoms(base, member("needs-old", version="2.0"), remove=["old"])
    assert found == {("needs-old",): set(), ("old",): {"needs-old"}}


def test_a_path_that_moves_from_one_package_to_another_moves_them_as_one():
    base = [member("a", {"bin/x": elf()}), member("b", {"bin/y": elf()})]
    found = atoms(base, member("a", {"bin/z": elf()}, version="2.0"), member("b", {"bin/x": elf()}, version="2.0"))
    assert found["b",] == {"a"} if ("b",) in found else ("a", "b") in found


def test_what_was_declared_to_move_together_does():
    one, two = member("one", version="2.0"), member("two", version="2.0")
    assert atoms([member("one"), member("two")], one, two, together=[["one", "two", "absent"]]) == {
        ("one", "two"): set()
    }


def test_what_only_a_test_needs_comes_first_too():
    found = atoms([], member("jq"), member("bash"), needs={"jq": ["bash", "absent"]})
    assert found == {("bash",): set(), ("jq",): {"bash"}}


def test_the_base_is_as_it_was_afterwards():
    trial = TrialSet(BASE)
    find_atoms(trial, {"lib": library("lib.so.2", version="2.0"), "apart": None})
    assert {name: package.label for name, package in trial.members.items()} == {
        package.name: package.label for package in BASE
    }


def proven_set(random, libraries, users):
    """A set that holds: libraries with random sonames and symbols, and users that import from these."""
    members = []
    offered = {}
    for number in range(libraries):
        soname = f"lib{number}.so.{random.choice('12')}"
        exports = random.sample([f"{letter}{number}" for letter in "abcd"], random.randint(1, 4))
        offered[number] = soname, exports
        members.append(member(f"lib{number}", {f"lib/{soname}": elf(soname=soname, exports=exports)}))
    for number in range(users):
        used = random.sample(range(libraries), random.randint(0, min(2, libraries)))
        needs = [offered[chosen][0] for chosen in used]
        imports = sorted({random.choice(offered[chosen][1]) for chosen in used})
        members.append(member(f"user{number}", {f"bin/user{number}": elf(needs=needs, imports=imports)}))
    return {package.name: package for package in members if random.random() < 0.9 or package.name.startswith("lib")}


@given(st.randoms(use_true_random=False), st.integers(1, 5), st.integers(0, 8))
def test_every_beginning_of_the_atoms_between_two_sets_that_hold_is_a_set_that_holds(random, libraries, users):
    # No symbol has two libraries here: then two changes that hold alone hold together. Otherwise the search finds them.
    base, wanted = (proven_set(random, libraries, users) for _ in range(2))
    assert prove(PackageSet.of(base.values())).holds
    assert prove(PackageSet.of(wanted.values())).holds
    changes = {name: wanted.get(name) for name in base.keys() | wanted.keys() if base.get(name) != wanted.get(name)}
    trial = TrialSet(base.values())
    placed = {}
    atoms = find_atoms(trial, changes)
    assert sorted(name for atom in atoms for name in atom.names) == sorted(changes)
    for atom in atoms:
        placed |= {name: changes[name] for name in atom.names}
        assert trial.problems_of(placed) == ()
        assert prove(PackageSet.of(trial.members.values())).holds
