"""Libraries that only files with a search path to them can load."""

import pytest

from farm.client.image.trial import try_change
from farm.core.sets.linking.private_libraries import moved_privately
from farm.core.sets.proof.closure import OpenSetError, closure, needs_of
from farm.core.sets.proof.overriding import dependents_of
from farm.core.sets.proof.prover import prove
from farm.core.sets.proof.trial import TrialSet
from tests.core.sets.values import elf, member, the_set

KEEPER = member("keeper", {"lib/private/libx.so.1": elf(soname="libx.so.1", exports=["x"])})
PRIVATE = ["/usr/lib/private"]


def program(name="program", **search):
    return member(name, {f"bin/{name}": elf(needs=["libmid.so.1"], imports=["mid"], kind="pie", **search)})


def middle(**search):
    library = elf(soname="libmid.so.1", needs=["libx.so.1"], exports=["mid"], imports=["x"], **search)
    return member("middle", {"lib/libmid.so.1": library})


def messages(*members):
    return [problem.message for problem in prove(the_set(*members)).problems]


@pytest.mark.parametrize(
    "members",
    [
        (KEEPER, middle(runpath=PRIVATE), program()),
        (KEEPER, middle(rpath=PRIVATE), program()),
        (KEEPER, middle(), program(rpath=PRIVATE)),
    ],
    ids=["by a search path of its own", "by one that others inherit", "by an inherited one"],
)
def test_what_a_search_path_leads_to_is_found_and_comes_along(members):
    assert messages(*members) == []
    assert [package.name for package in closure(the_set(*members), ["program"])] == ["keeper", "middle", "program"]
    assert needs_of(the_set(*members))["middle"] == ("keeper",)


def test_a_path_that_is_not_inherited_leads_nowhere():
    members = (KEEPER, middle(), program(runpath=PRIVATE))
    (message,) = messages(*members)
    assert message.startswith("middle 1.0-1: lib/libmid.so.1 needs libx.so.1, which no package of the set provides")
    with pytest.raises(OpenSetError, match=r"middle 1\.0-1 requires libx\.so\.1"):
        closure(the_set(*members), ["program"])


def test_what_one_program_brings_along_another_does_not():
    (message,) = messages(KEEPER, middle(), program(rpath=PRIVATE), program("plain"))
    assert message.startswith("middle 1.0-1: lib/libmid.so.1 needs libx.so.1")


def test_a_library_that_gets_the_private_one_of_its_program_is_proven_with_that():
    public = member("public", {"lib/libx.so.1": elf(soname="libx.so.1", exports=["x"])})
    worse = member("keeper", {"lib/private/libx.so.1": elf(soname="libx.so.1")})
    assert messages(KEEPER, public, middle(), program(rpath=PRIVATE)) == []
    assert messages(worse, public, middle(), program()) == []
    assert messages(worse, public, middle(), program(rpath=PRIVATE)) == [
        "middle 1.0-1: lib/libmid.so.1 imports x (no version) from libx.so.1, which keeper 1.0-1 does not export"
    ]


def test_a_plugin_that_nothing_loads_finds_nothing():
    plugin = elf(needs=["libx.so.1"], imports=["x"])
    alone = member("plugin", {"lib/p/x.so": plugin}, plugins=[("lib/p/*.so", "program")])
    assert len(messages(KEEPER, alone)) == 1


def test_a_library_of_another_machine_is_not_meant():
    other = member("keeper", {"lib/private/libx.so.1": elf(soname="libx.so.1", machine="aarch64")})
    with pytest.raises(OpenSetError):
        closure(the_set(other, middle(runpath=PRIVATE)), ["middle"])


def test_nothing_is_looked_for_twice_in_the_package_itself():
    own = {"lib/libmid.so.1": elf(soname="libmid.so.1", needs=["libx.so.1"], rpath=PRIVATE)}
    both = member("middle", {**own, "lib/private/libx.so.1": elf(soname="libx.so.1")})
    assert [package.name for package in closure(the_set(both), ["middle"])] == ["middle"]


def test_who_needs_a_private_library_depends_on_its_package():
    trial = TrialSet([KEEPER, middle(runpath=PRIVATE), program(), member("other")])
    assert trial.dependents(["keeper"]) == {"keeper", "middle", "program"}


def test_a_trial_of_a_change_knows_who_finds_a_private_library():
    base = [KEEPER, middle(runpath=PRIVATE), program(), member("other")]
    newer = member("keeper", {"lib/private/libx.so.1": elf(soname="libx.so.1", exports=["x", "y"])}, revision=2)
    assert try_change(base, [newer], []).dependents == ("middle",)
    assert dependents_of(the_set(*base), "keeper") == ("middle", "program")
    elsewhere = member("keeper", {"lib/elsewhere/libx.so.1": elf(soname="libx.so.1")}, revision=2)
    assert try_change(base, [elsewhere], []).dependents == ()


def test_a_library_is_found_by_the_name_of_its_file():
    library = elf(soname="libwhatever.so", exports=["x"])
    user = member("user", {"bin/user": elf(needs=["libx.so.1"], imports=["x"], kind="pie")})
    for files in ({"lib/libx.so.1": library}, {"lib/libreal.so": library, "lib/libx.so.1": "-> libreal.so"}):
        members = (user, member("keeper", files))
        assert messages(*members) == []
        assert [package.name for package in closure(the_set(*members), ["user"])] == ["keeper", "user"]


def test_what_moves_is_told_with_the_library_and_with_the_path():
    with_path, without = program(rpath=PRIVATE), program()
    members = {package.name: package for package in (KEEPER, middle(), with_path)}
    assert moved_privately(members, None, KEEPER) == {"soname:libx.so.1"}
    assert moved_privately(members, KEEPER, KEEPER) == set()
    elsewhere = member("keeper", {"lib/elsewhere/libx.so.1": elf(soname="libx.so.1", exports=["x"])})
    assert moved_privately(members, KEEPER, elsewhere) == {"soname:libx.so.1"}
    assert moved_privately(members, without, with_path) == {"soname:libx.so.1"}
    assert moved_privately(members, with_path, None) == {"soname:libx.so.1", "soname:program"}
    assert moved_privately(members, with_path, with_path) == set()
