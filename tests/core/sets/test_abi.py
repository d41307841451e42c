"""Which builds of libraries are compared for a set: only those a dependent was compiled against and does not get."""

from farm.core.package.elf.details import DlopenNote
from farm.core.sets.proof.abi import (
    BuildRoot,
    LibraryFile,
    LibraryPair,
    LinkedFiles,
    Shortage,
    loads_touched,
    pair_libraries,
)
from farm.core.sets.proof.prover import Prover
from tests.core.sets.values import elf, member

_SONAME = "libz.so.1"


def zlib(revision=1, *, name="zlib", path="lib/libz.so.1", soname=_SONAME, more=(), **others):
    files = {path: elf(soname=soname), **dict(more), f"share/build-{revision}": "-> ../lib"}
    return member(name, files, revision=revision, **others)


def curl(name="curl", *, needs=(_SONAME,), runpath=(), dlopen=(), **more):
    return member(name, {f"bin/{name}": elf(needs=needs, runpath=runpath, dlopen=dlopen)}, **more)


def paired(*members, changed, against, base=(), complete=True, given=False):
    """`against` maps a dependent to the members that it was built with."""
    prover, files = Prover(members), LinkedFiles()

    def root_of(dependent):
        return BuildRoot(tuple(against.get(dependent.name, ())), files, complete, lambda _: given)

    changes = {name: prover.members.get(name) for name in changed}
    loads = loads_touched(prover, changes, {package.name: package for package in base}, files)
    return pair_libraries(loads, prover, root_of)


def file(package, path="lib/libz.so.1"):
    return LibraryFile(package.name, package.descriptor.tree, path)


def pair(before, after, soname=_SONAME):
    return LibraryPair(soname, before, after)


def test_a_dependent_of_a_changed_library_is_compared():
    before, after = zlib(1), zlib(2)
    found = paired(after, curl(), changed=["zlib"], against={"curl": [before]})
    assert found.pairs == {pair(file(before), file(after)): ("curl",)}
    assert found.unpaired == ()


def test_who_was_built_against_the_very_files_is_not():
    after = zlib(2)
    assert paired(after, curl(), changed=["zlib"], against={"curl": [after]}).pairs == {}


def test_who_is_built_anew_against_a_library_that_does_not_come_in_is_compared_with_what_stays():
    stays, newer = zlib(1), zlib(2)
    found = paired(stays, curl(), changed=["curl"], against={"curl": [newer]})
    assert found.pairs == {pair(file(newer), file(stays)): ("curl",)}


def test_one_comparison_serves_all_who_were_built_against_the_same():
    before, other, after = zlib(1), zlib(3), zlib(2)
    against = {"curl": [before], "wget": [before], "git": [other]}
    found = paired(after, curl(), curl("wget"), curl("git"), changed=["zlib"], against=against)
    assert sorted(found.pairs.values()) == [("curl", "wget"), ("git",)]


def test_what_has_not_changed_is_not_asked_about():
    before, after = zlib(1), zlib(2)
    found = paired(after, curl(), changed=["elsewhere"], against={"curl": [before]})
    assert (found.pairs, found.unpaired) == ({}, ())


def test_a_library_that_has_moved_to_another_package_is_compared_with_where_it_was():
    before, after = zlib(1), zlib(2, name="zlib-ng")
    found = paired(after, curl(), changed=["zlib", "zlib-ng"], against={"curl": [before]}, base=[before])
    assert found.pairs == {pair(file(before), file(after)): ("curl",)}


def test_a_library_that_another_package_had_all_the_time_is_compared_when_the_first_goes():
    before, after = zlib(1), zlib(2, name="zlib-ng")
    found = paired(after, curl(), changed=["zlib"], against={"curl": [before]}, base=[before, after])
    assert found.pairs == {pair(file(before), file(after)): ("curl",)}


def test_what_the_loader_takes_is_compared_and_no_decoy():
    decoys = {"bin/x": elf(soname=_SONAME), "lib/deep/libz.so.1": elf(soname=_SONAME)}
    before = zlib(1, more=decoys)
    found = paired(zlib(2), curl(), changed=["zlib"], against={"curl": [before]})
    assert [compared.before.path for compared in found.pairs] == ["lib/libz.so.1"]


def test_a_private_library_is_compared_that_a_search_path_leads_to():
    before, after = (zlib(number, path="lib/private/libz.so.1") for number in (1, 2))
    dependent = curl(runpath=["/usr/lib/private"])
    found = paired(after, dependent, changed=["zlib"], against={"curl": [before]})
    assert found.pairs == {pair(file(before, "lib/private/libz.so.1"), file(after, "lib/private/libz.so.1")): ("curl",)}


def test_what_is_loaded_on_better_processors_is_compared_with_what_was_loaded_there():
    variant = "lib/glibc-hwcaps/x86-64-v3/libz.so.1"
    library = {variant: elf(soname=_SONAME)}
    before, plain, after = zlib(1, more=library), zlib(3), zlib(2, more=library)
    found = paired(after, curl(), curl("wget"), changed=["zlib"], against={"curl": [before], "wget": [plain]})
    assert found.pairs == {
        pair(file(before), file(after)): ("curl",),
        pair(file(before, variant), file(after, variant)): ("curl",),
        pair(file(plain), file(after)): ("wget",),
        pair(file(plain), file(after, variant)): ("wget",),
    }


def test_what_a_program_may_open_is_compared():
    before, after = zlib(1), zlib(2)
    opener = curl(needs=(), dlopen=(DlopenNote((_SONAME,), "", "suggested"),))
    found = paired(after, opener, changed=["zlib"], against={"curl": [before]})
    assert found.pairs == {pair(file(before), file(after)): ("curl",)}


def test_a_library_without_a_soname_goes_by_the_name_of_its_file():
    before, after = (zlib(number, path="lib/private/libz.so", soname="") for number in (1, 2))
    dependent = curl(needs=("libz.so",), runpath=["/usr/lib/private"])
    found = paired(after, dependent, changed=["zlib"], against={"curl": [before]})
    assert [(compared.soname, compared.after.path) for compared in found.pairs] == [("libz.so", "lib/private/libz.so")]


def shortages(found):
    assert found.pairs == {}
    return [(unpaired.soname, unpaired.provider, unpaired.shortage, unpaired.dependent) for unpaired in found.unpaired]


def test_what_others_load_of_ours_is_not_judged_and_what_they_load_of_theirs_is_compared_at_home():
    before, after = zlib(1), zlib(2)
    theirs = curl(distribution="other.example", foreign=True)
    found = paired(after, theirs, changed=["zlib"], against={theirs.name: [before]})
    assert shortages(found) == [(_SONAME, "zlib", Shortage.IMPORTED_DEPENDENT, "other.example/curl")]
    also = zlib(2, distribution="other.example", foreign=True)
    assert shortages(paired(also, theirs, changed=[also.name], against={})) == []


def test_what_ours_load_of_others_is_not_judged():
    theirs = zlib(2, distribution="other.example", foreign=True)
    found = paired(theirs, curl(), changed=["curl"], against={"curl": [zlib(1)]})
    assert shortages(found) == [(_SONAME, "other.example/zlib", Shortage.IMPORTED_LIBRARY, "curl")]


def test_who_was_built_without_the_library_is_not_judged_unless_the_toolchain_brought_it():
    found = paired(zlib(2), curl(), changed=["zlib"], against={})
    assert shortages(found) == [(_SONAME, "zlib", Shortage.NOT_IN_BUILD, "curl")]
    assert shortages(paired(zlib(2), curl(), changed=["zlib"], against={}, given=True)) == []


def test_a_build_that_is_not_known_any_more_is_not_judged():
    found = paired(zlib(2), curl(), changed=["zlib"], against={}, complete=False)
    assert shortages(found) == [(_SONAME, "zlib", Shortage.GONE, "curl")]
