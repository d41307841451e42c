"""A trial change of a set: proven with its dependents, and where that fails, the smallest change that holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.client.image.trial import nearest_set, try_change
from tests.core.sets.values import elf, member

if TYPE_CHECKING:
    from collections.abc import Callable

    from farm.core.sets.members.member import Member


def library(version: str, *exports: str, soname: str = "libssl.so.3") -> Member:
    return member("openssl", {"lib/libssl.so.3": elf(soname=soname, exports=exports)}, version=version)


def user(name: str, version: str, *imports: str, soname: str = "libssl.so.3") -> Member:
    files = {f"bin/{name}": elf(needs=[soname], imports=imports)}
    return member(name, files, version=version)


BASE = [
    library("3.0", "connect", "legacy"),
    user("curl", "8.0", "legacy"),
    user("wget", "1.0", "connect"),
    member("jq", {"bin/jq": ""}),
]
NEW = library("3.1", "connect")


def newer(*members: Member) -> Callable[[str], list[Member]]:
    by_name = {package.name: [package] for package in members}
    return lambda name: by_name.get(name, [])


def test_what_does_not_depend_on_the_change_is_not_looked_at() -> None:
    trial = try_change(BASE, [library("3.1", "connect", "legacy", "more")], ["curl", "wget", "jq"])
    assert trial.problems == ()
    assert trial.dependents == ("curl", "wget")
    assert trial.checked == 1  # a library that exports what it did before cannot harm its users
    assert trial.gone == ()


def test_a_symbol_that_is_gone_is_named_with_who_misses_it() -> None:
    trial = try_change(BASE, [NEW], ["curl", "wget", "jq"])
    (problem,) = trial.problems
    assert problem.message == (
        "curl 8.0-1: bin/curl imports legacy (no version) from libssl.so.3, which openssl 3.1-1 does not export"
    )


def test_the_nearest_set_holds_the_dependent_that_has_a_newer_build_and_no_more() -> None:
    also = nearest_set(
        BASE, [NEW], ["curl", "wget", "jq"], newer(user("curl", "8.1", "connect"), user("wget", "1.1", "connect"))
    )
    assert also == ("curl",)


def test_what_was_tried_and_need_not_change_is_left_out() -> None:
    zlib = member("zlib", {"lib/libz.so.1": elf(soname="libz.so.1", exports=["inflate"])})
    both = {"bin/curl": elf(needs=["libssl.so.3", "libz.so.1"], imports=["legacy"])}
    base = [BASE[0], zlib, member("curl", both, version="8.0")]
    (problem,) = try_change(base, [NEW], ["curl"]).problems
    assert problem.packages == ("curl", "openssl", "zlib")  # either could be meant to provide it
    further = member("zlib", {"lib/libz.so.1": elf(soname="libz.so.1", exports=["inflate", "more"])}, version="2.0")
    assert nearest_set(base, [NEW], ["curl"], newer(user("curl", "8.1", "connect"), further)) == ("curl",)


def test_where_no_newer_build_helps_there_is_none() -> None:
    assert nearest_set(BASE, [NEW], ["curl"], newer()) is None
    assert nearest_set(BASE, [NEW], ["curl"], newer(user("curl", "8.1", "legacy"))) is None


def test_the_search_goes_on_to_what_the_newer_builds_break() -> None:
    tool = member("zlib", {"lib/libz.so.1": elf(soname="libz.so.1", exports=["old"])})
    base = [*BASE, tool, user("tar", "1.0", "old", soname="libz.so.1")]
    both = {
        "bin/curl": elf(needs=["libssl.so.3", "libz.so.1"], imports=["connect", "inflate@@libz.so.1"]),
    }
    curl = member("curl", both, version="8.1")
    zlib = member("zlib", {"lib/libz.so.1": elf(soname="libz.so.1", exports=["inflate"])}, version="2.0")
    tar = user("tar", "2.0", "inflate", soname="libz.so.1")
    assert nearest_set(base, [NEW], ["curl", "tar"], newer(curl, zlib, tar)) == ("curl", "tar", "zlib")


def test_what_was_wrong_before_is_no_reason() -> None:
    broken = member("odd", {"bin/odd": elf(needs=["libnowhere.so.1"])})
    trial = try_change([*BASE, broken], [library("3.1", "connect", "legacy")], ["curl", "odd"])
    assert trial.problems == ()


def test_what_nothing_asked_for_needs_any_more_is_gone() -> None:
    trial = try_change(BASE, [user("curl", "8.1", soname="libc.so")], ["curl", "jq"])
    assert [problem.code for problem in trial.problems] == ["missing-soname"]
    alone = member("curl", {"bin/curl": ""}, version="8.1")
    assert try_change(BASE, [alone], ["curl", "jq"]).gone == ("openssl", "wget")


def test_two_packages_that_come_to_claim_one_path_are_a_problem() -> None:
    trial = try_change(
        BASE,
        [
            member(
                "openssl",
                {"bin/jq": "", "lib/libssl.so.3": elf(soname="libssl.so.3", exports=["connect", "legacy"])},
                version="3.1",
            )
        ],
        ["curl"],
    )
    assert [problem.code for problem in trial.problems] == ["path-conflict"]
