"""Packages of other distributions as members of a set: their names, their origin, and which are admitted at all."""

from farm.core.sets.members.package_set import PackageSet
from farm.core.sets.proof.closure import ImportCandidate, needs_of, select_imported
from farm.core.sets.proof.prover import prove
from farm.core.sets.proof.trial import TrialSet
from tests.core.sets.values import elf, member

OTHER = "other.example"


def foreign(name, files=None, **more):
    return member(name, files, distribution=OTHER, foreign=True, **more)


def library(name, soname, make=member):
    return make(name, {f"lib/{soname}": elf(soname=soname)})


SSL = foreign("openssl", {"lib/libssl.so.3": elf(soname="libssl.so.3", needs=["libc.so.6", "libz.so.1"])})
FOREIGN_ZLIB = library("zlib", "libz.so.1", foreign)
FOREIGN_LIBC = library("libc", "libc.so.6", foreign)
OFFERS = {
    package.name: ImportCandidate(package, needs)
    for package, needs in [
        (SSL, (FOREIGN_LIBC.name, FOREIGN_ZLIB.name)),
        (FOREIGN_ZLIB, (FOREIGN_LIBC.name,)),
        (FOREIGN_LIBC, ()),
    ]
}


def test_an_own_and_a_foreign_package_of_one_name_are_two_members():
    own = member("openssl", {"bin/openssl": "text"}, requires=["other.example/openssl"])
    members = PackageSet.of([own, SSL, FOREIGN_ZLIB, FOREIGN_LIBC])
    assert list(members.members) == ["openssl", "other.example/libc", "other.example/openssl", "other.example/zlib"]
    assert needs_of(members)["openssl"] == ("other.example/openssl",)
    assert prove(members).holds


def test_what_a_foreign_package_names_is_its_own_neighbour():
    needy = foreign("needy", {"bin/needy": "text"}, requires=["friend"], replaces=["rival"])
    assert needy.requires == ("package:other.example/friend",)
    assert needy.replaces == ("other.example/rival",)
    assert not prove(PackageSet.of([needy, member("friend")])).holds
    assert prove(PackageSet.of([needy, foreign("friend")])).holds


def test_an_own_package_serves_before_a_foreign_one():
    user = member("user", {"bin/user": elf(needs=["libz.so.1"])})
    own = library("zlib-ng", "libz.so.1")
    assert needs_of(PackageSet.of([user, FOREIGN_ZLIB, own]))["user"] == ("zlib-ng",)
    assert needs_of(PackageSet.of([user, FOREIGN_ZLIB]))["user"] == ("other.example/zlib",)


def test_paths_that_both_claim_are_a_conflict_all_the_same():
    both = PackageSet.of([library("zlib", "libz.so.1"), FOREIGN_ZLIB])
    (problem,) = prove(both).problems
    assert "other.example/zlib 1.0-1 and zlib 1.0-1 both claim /usr/lib/libz.so.1" in problem.message


def test_only_what_the_own_set_lacks_comes_in():
    libc = library("libc", "libc.so.6")
    own = set(libc.provides)
    chosen = select_imported([SSL.name], OFFERS, own.__contains__)
    assert sorted(chosen) == ["other.example/openssl", "other.example/zlib"]
    assert sorted(select_imported([SSL.name], OFFERS, lambda _: False)) == sorted(OFFERS)
    everything = {*own, *library("zlib", "libz.so.1").provides}
    assert sorted(select_imported([SSL.name], OFFERS, everything.__contains__)) == ["other.example/openssl"]
    assert select_imported([], OFFERS, lambda _: False) == {}


def test_what_nobody_offers_is_left_for_the_proof():
    user = member("user", {"bin/user": "text"}, requires=["other.example/nothing"])
    chosen = select_imported(["other.example/nothing"], OFFERS, lambda _: False)
    assert chosen == {}
    (problem,) = prove(PackageSet.of([user])).problems
    assert "the package other.example/nothing, which no package of the set provides" in problem.message


def test_a_trial_brings_foreign_members_in_and_out():
    user = member("user", {"bin/user": "text"}, requires=["other.example/zlib"])
    trial = TrialSet([library("libc", "libc.so.6")])
    assert trial.problems_of({"user": user}) != ()
    assert trial.problems_of({"user": user, FOREIGN_ZLIB.name: FOREIGN_ZLIB}) == ()
    assert trial.dependents([FOREIGN_ZLIB.name]) == {"user", FOREIGN_ZLIB.name}
