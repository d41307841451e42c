"""Packages required in exactly one version: what satisfies that, the error if nothing does, and what moves as one."""

import pytest

from farm.core.package.descriptor import Descriptor
from farm.core.sets.members.package_set import PackageSet
from farm.core.sets.proof.atoms import find_atoms
from farm.core.sets.proof.closure import (
    ImportCandidate,
    OpenSetError,
    build_closure,
    from_toolchain,
    needs_of,
    select_imported,
)
from farm.core.sets.proof.prover import Prover, prove
from farm.core.sets.proof.trial import TrialSet
from tests.core.sets.values import GLIBC, elf, member, oniguruma, prove_change, the_set

USER = member("user", requires=["lib=1.7.1-2"])
ANY_REVISION = member("user", requires=["lib=1.7.1"])


def lib(version="1.7.1", revision=2, **more):
    return member("lib", version=version, revision=revision, **more)


def problems(*members):
    return [problem.message for problem in prove(the_set(*members)).problems]


def message(wanted, instead):
    return f"user 1.0-1 requires exactly {wanted}, which no package of the set provides; {instead}"


def test_the_package_of_that_version_and_revision_meets_it_and_no_other_does():
    assert problems(USER, lib()) == []
    for other in (lib(revision=1), lib(revision=22), lib(version="1.7.10"), lib(version="1.7"), lib(version="1.7.1.0")):
        assert problems(USER, other) == [message("lib 1.7.1-2", f"the set has {other.label}")]


def test_without_a_revision_any_of_that_version_meets_it():
    assert problems(ANY_REVISION, lib()) == []
    assert problems(ANY_REVISION, lib(revision=9)) == []
    assert problems(ANY_REVISION, lib(version="1.7.2")) == [
        message("lib 1.7.1 (any revision)", "the set has lib 1.7.2-2")
    ]


def test_where_the_package_is_absent_what_comes_near_its_name_is_told():
    assert problems(member("user", requires=["lib3=1.0-1"]), member("lib2")) == [
        message("lib3 1.0-1", "the nearest is lib2 of lib2 1.0-1")
    ]
    assert problems(USER) == ["user 1.0-1 requires exactly lib 1.7.1-2, which no package of the set provides"]


def test_it_is_the_package_itself_and_not_what_has_its_files_or_its_place():
    instead = member("instead", {"bin/lib": ""}, version="1.7.1", revision=2, replaces=["lib"])
    assert len(problems(USER, instead)) == 1


def test_the_descriptor_says_what_is_required_and_nothing_of_what_every_package_is():
    user = member("user", {"share/user": ""}, requires=["lib=1.7.1-2"])
    assert user.descriptor.requires == ("package:lib=1.7.1-2",)
    assert user.descriptor.provides == ()
    assert Descriptor.from_json(user.descriptor.to_json()) == user.descriptor


def test_needs_and_closures_follow_it():
    package_set = the_set(USER, lib(requires=["further=1.0"]), member("further"))
    assert needs_of(package_set) == {"further": (), "lib": ("further",), "user": ("lib",)}
    with pytest.raises(OpenSetError, match=r"requires exactly lib 1\.7\.1-2"):
        needs_of(the_set(USER, lib(revision=3)))


def test_a_build_leaves_it_to_no_toolchain():
    tool = member(
        "jq", {"bin/jq": elf(needs=["libonig.so.5", "libc.so.6"])}, requires=["lib=1.7.1-2", "other.example/far=1.0-1"]
    )
    there = [tool, oniguruma(), lib()]
    given = from_toolchain(there)
    assert given == {"soname:libc.so.6", "package:other.example/far=1.0-1"}
    assert [package.name for package in build_closure(PackageSet.of(there), ["jq"], given=given)] == [
        "jq", "lib", "oniguruma",
    ]  # fmt: skip
    there = [tool, oniguruma(), lib(revision=3)]
    with pytest.raises(OpenSetError, match=r"the set has lib 1\.7\.1-3"):
        build_closure(PackageSet.of(there), ["jq"], given=from_toolchain(there))


@pytest.mark.parametrize("user", [USER, ANY_REVISION])
def test_a_proof_after_changes_is_the_proof_from_nothing(user):
    prover = Prover([user, lib(), GLIBC])
    for new in (lib(revision=3), lib(version="2.0"), lib(), lib()):
        assert prove_change(prover, add=[new]) == prove(the_set(user, new, GLIBC))
    assert prove_change(prover, remove=["lib"]) == prove(the_set(user, GLIBC))


def test_it_costs_those_who_require_the_version_that_goes():
    users = [member(f"user{number}", requires=[f"lib=1.7.1-{number}"]) for number in range(1, 4)]
    prover = Prover([*users, lib(), GLIBC])
    assert [problem.packages for problem in prover.proof.problems] == [("user1",), ("user3",)]
    assert prove_change(prover, add=[lib(revision=3)]).problems[0].message == (
        "user1 1.0-1 requires exactly lib 1.7.1-1, which no package of the set provides; the set has lib 1.7.1-3"
    )


def test_who_requires_it_depends_on_it():
    trial = TrialSet([USER, lib(), GLIBC])
    assert trial.dependents(["lib"]) == {"lib", "user"}
    trial.place({"lib": lib(version="2.0")})
    assert trial.dependents(["lib"]) == {"lib"}
    trial.place({"lib": None})
    assert trial.dependents(["lib"]) == {"user"}


class TestForeign:
    OTHER = "other.example"

    def far(self, name, **more):
        return member(name, distribution=self.OTHER, foreign=True, **more)

    def test_a_foreign_package_is_meant_by_its_full_name(self):
        user = member("user", requires=["other.example/lib=1.7.1-2"])
        assert problems(user, self.far("lib", version="1.7.1", revision=2)) == []
        assert problems(user, self.far("lib"), lib()) == [
            message("other.example/lib 1.7.1-2", "the set has other.example/lib 1.0-1")
        ]

    def test_what_a_foreign_package_names_is_its_own_neighbour(self):
        user = self.far("user", requires=["lib=1.7.1-2"])
        assert user.requires == ("package:other.example/lib=1.7.1-2",)
        assert len(problems(user, lib())) == 1
        assert problems(user, lib(version="3.0"), self.far("lib", version="1.7.1", revision=2)) == []

    def test_what_it_needs_at_home_comes_in_with_it(self):
        user, there = self.far("user", requires=["lib=1.7.1"]), self.far("lib", version="1.7.1")
        offers = {user.name: ImportCandidate(user, (there.name,)), there.name: ImportCandidate(there)}
        assert sorted(select_imported([user.name], offers, lambda _: False)) == sorted(offers)

    def test_a_set_knows_who_requires_it_in_whichever_version(self):
        old, new = member("old", requires=["other.example/lib=1.0"]), member("new", requires=["other.example/lib"])
        index = PackageSet.of([old, new, USER]).capabilities
        assert index.naming("other.example/lib") == {"old", "new"}
        assert index.naming("lib") == {"user"}
        assert index.naming("user") == set()
        index.remove(old)
        assert index.naming("other.example/lib") == {"new"}


class TestAtoms:
    A, B = member("a", requires=["b=1.0-1"]), member("b")
    NEW_A, NEW_B = member("a", version="2.0", requires=["b=2.0-1"]), member("b", version="2.0")

    def atoms(self, *changes):
        wanted = {change.name: change for change in changes}
        found = find_atoms(TrialSet([self.A, self.B, member("apart")]), wanted)
        return {atom.names: set(atom.needs) for atom in found}

    def test_both_move_as_one(self):
        assert self.atoms(self.NEW_A, self.NEW_B) == {("a", "b"): set()}

    def test_so_they_do_where_any_revision_will_do(self):
        base = [member("a", requires=["b=1.0"]), self.B]
        new_a = member("a", version="2.0", requires=["b=2.0"])
        changes = {"a": new_a, "b": member("b", version="2.0", revision=7)}
        assert [atom.names for atom in find_atoms(TrialSet(base), changes)] == [("a", "b")]
        changes = {"a": member("a", version="1.1", requires=["b=1.0"]), "b": member("b", revision=7)}
        assert [atom.names for atom in find_atoms(TrialSet(base), changes)] == [("a",), ("b",)]

    def test_what_is_required_stays_while_what_requires_it_does_and_the_proof_says_why(self):
        assert self.atoms(self.NEW_B, member("apart", version="2.0")) == {("apart",): set(), ("b",): set()}
        (problem,) = TrialSet([self.A, self.B]).problems_of({"b": self.NEW_B})
        assert problem.packages == ("a",)
        assert problem.message == (
            "a 1.0-1 requires exactly b 1.0-1, which no package of the set provides; the set has b 2.0-1"
        )

    def test_what_requires_a_new_version_needs_it_and_is_no_atom_with_it_where_nothing_held_the_old_one(self):
        base = [member("a"), self.B]
        found = find_atoms(TrialSet(base), {"a": self.NEW_A, "b": self.NEW_B})
        assert [(atom.names, set(atom.needs)) for atom in found] == [(("b",), set()), (("a",), {"b"})]

    def test_alone_it_is_an_atom_that_does_not_hold(self):
        assert self.atoms(self.NEW_A) == {("a",): set()}
        (problem,) = TrialSet([self.A, self.B]).problems_of({"a": self.NEW_A})
        assert problem.message == (
            "a 2.0-1 requires exactly b 2.0-1, which no package of the set provides; the set has b 1.0-1"
        )

    def test_it_needs_no_version_that_it_did_not_ask_for(self):
        third = member("a", version="3.0", requires=["b=3.0-1"])
        assert self.atoms(third, member("apart", version="2.0"))["a",] == set()
        assert self.atoms(third, self.NEW_B) == {("a",): set(), ("b",): {"a"}}

    def test_a_chain_of_them_moves_as_one(self):
        base = [self.A, member("b", requires=["c=1.0-1"]), member("c")]
        new = [self.NEW_A, member("b", version="2.0", requires=["c=2.0-1"]), member("c", version="2.0")]
        found = find_atoms(TrialSet(base), {package.name: package for package in new})
        assert [atom.names for atom in found] == [("a", "b", "c")]

    def test_a_library_and_the_name_of_a_set_that_pins_it_move_with_its_users(self):
        def part(version, soname, *, name="lib"):
            return member(name, {f"lib/{soname}": elf(soname=soname)}, version=version)

        base = [
            part("1.0", "l.so.1"),
            member("use", {"bin/use": elf(needs=["l.so.1"])}),
            member("all", requires=["lib=1.0"]),
        ]
        new = [
            part("2.0", "l.so.2"),
            member("use", {"bin/use": elf(needs=["l.so.2"])}, version="2.0"),
            member("all", version="2.0", requires=["lib=2.0"]),
        ]
        found = find_atoms(TrialSet(base), {package.name: package for package in new})
        assert [atom.names for atom in found] == [("all", "lib", "use")]
