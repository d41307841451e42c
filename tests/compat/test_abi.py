"""Which builds of libraries are compared for a set: only those that somebody was compiled against and does not get."""

from farm.compat.abi import LibraryPair, library_pairs, library_path
from farm.compat.prover import Prover
from tests.compat.values import elf, member


def zlib(revision=1, **more):
    files = {"lib/libz.so.1": elf(soname="libz.so.1"), f"share/build-{revision}": "-> ../lib"}
    return member("zlib", files, revision=revision, **more)


def curl(name="curl", **more):
    return member(name, {f"bin/{name}": elf(needs=["libz.so.1"])}, **more)


def pairs(*members, changed, against):
    """`against` maps a dependent to the trees that it was built against, by package."""
    prover = Prover(members)

    def built_against(dependent):
        return against.get(dependent.name, {})

    return library_pairs(prover.members, prover.capabilities, changed, built_against)


def trees(*members):
    return {each.descriptor.name: each.descriptor.tree for each in members}


def test_a_dependent_of_a_changed_library_is_compared():
    before, after = zlib(1), zlib(2)
    found = pairs(after, curl(), changed=["zlib"], against={"curl": trees(before)})
    assert found == {LibraryPair("zlib", "libz.so.1", before.descriptor.tree, after.descriptor.tree): ("curl",)}


def test_who_was_built_against_the_very_files_is_not():
    after = zlib(2)
    assert pairs(after, curl(), changed=["zlib"], against={"curl": trees(after)}) == {}


def test_who_is_built_anew_against_a_library_that_does_not_come_in_is_compared_with_what_stays():
    stays, newer = zlib(1), zlib(2)
    found = pairs(stays, curl(), changed=["curl"], against={"curl": trees(newer)})
    assert found == {LibraryPair("zlib", "libz.so.1", newer.descriptor.tree, stays.descriptor.tree): ("curl",)}


def test_one_comparison_serves_all_who_were_built_against_the_same():
    before, other, after = zlib(1), zlib(3), zlib(2)
    against = {"curl": trees(before), "wget": trees(before), "git": trees(other)}
    found = pairs(after, curl(), curl("wget"), curl("git"), changed=["zlib"], against=against)
    assert sorted(found.values()) == [("curl", "wget"), ("git",)]


def test_what_has_not_changed_is_not_asked_about():
    before, after = zlib(1), zlib(2)
    assert pairs(after, curl(), changed=["elsewhere"], against={"curl": trees(before)}) == {}


def test_others_are_compared_at_home():
    before, after = zlib(1), zlib(2)
    theirs = curl(distribution="other.example", foreign=True)
    assert pairs(after, theirs, changed=["zlib"], against={theirs.name: trees(before)}) == {}


def test_who_was_built_without_the_package_was_not_compiled_for_it():
    assert pairs(zlib(2), curl(), changed=["zlib"], against={}) == {}


def test_the_plain_library_is_the_one_that_is_compared():
    library = elf(soname="libz.so.1")
    found = member("zlib", {"lib/libz.so.1": library, "lib/glibc-hwcaps/x86-64-v3/libz.so.1": library})
    assert library_path(found, "libz.so.1") == "lib/libz.so.1"
    assert library_path(found, "libm.so.6") is None
