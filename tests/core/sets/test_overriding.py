"""What an override does to a set: which packages need it, and which problems it causes."""

from farm.core.sets.findings.link_problem import MissingSymbol
from farm.core.sets.findings.problem import PathConflict, UnmetRequirement
from farm.core.sets.proof.overriding import blamed, dependents_of, effects
from tests.core.sets.values import elf, member, the_set

TLS = member("tls", {"lib/libtls.so.1": elf(soname="libtls.so.1", exports=["connect", "legacy"])})
MINE = member("tls", {"lib/libtls.so.1": elf(soname="libtls.so.1", exports=["connect"])}, version="2.0")
CURL = member("curl", {"bin/curl": elf(needs=["libtls.so.1"], imports=["legacy"])})
GIT = member("git", {"bin/git": "program"}, requires=["command:curl"])
OTHER = member("other", {"share/other": "file"})


def test_all_that_need_it_are_dependents_also_through_others() -> None:
    assert dependents_of(the_set(TLS, CURL, GIT, OTHER), "tls") == ("curl", "git")
    assert dependents_of(the_set(TLS, CURL, GIT, OTHER), "other") == ()


def test_who_needs_what_the_stand_in_has_no_more_is_a_dependent_too() -> None:
    bare = member("tls", {"share/nothing": "file"}, version="2.0")
    whole = the_set(bare, CURL, GIT)
    assert dependents_of(whole, "tls") == ()
    assert dependents_of(whole, "tls", TLS) == ("curl", "git")


def test_a_missing_symbol_is_told_of_the_stand_in_that_lacks_it() -> None:
    said = effects([MINE, CURL, GIT, OTHER], {"tls": TLS, "other": None})
    (problem,) = said["tls"].problems
    assert isinstance(problem, MissingSymbol)
    assert problem.symbol == "legacy"
    assert said["other"].problems == ()
    assert said["tls"].conflicts == ()


def test_a_library_that_is_gone_is_blamed_on_what_stands_where_it_was() -> None:
    bare = member("tls", {"share/nothing": "file"}, version="2.0")
    whole = the_set(bare, CURL, OTHER)
    said = effects(whole.members.values(), {"tls": TLS, "other": None})
    (problem,) = said["tls"].problems
    assert isinstance(problem, UnmetRequirement)
    assert problem.labels == ("curl 1.0-1",)  # which names no substitute
    assert said["other"].problems == ()
    assert blamed(problem, whole, {"other": None}) == ()


def test_a_stand_in_that_fits_has_dependents_and_no_problems() -> None:
    patched = member("tls", {"lib/libtls.so.1": elf(soname="libtls.so.1", exports=["connect", "legacy"])}, revision=2)
    said = effects([patched, CURL, OTHER], {"tls": TLS})
    assert said["tls"].dependents == ("curl",)
    assert said["tls"].problems == ()


def test_a_path_claimed_twice_is_a_conflict_that_nobody_can_accept() -> None:
    greedy = member("tls", {"lib/libtls.so.1": elf(soname="libtls.so.1", exports=["legacy"]), "bin/curl": "program"})
    (conflict,) = effects([greedy, CURL], {"tls": TLS})["tls"].conflicts
    assert isinstance(conflict, PathConflict)
