"""What needs a library, a symbol, a command or a package in a set of plain values, and through what."""

from __future__ import annotations

import pytest

from farm.client.audit.dependents import Use, understand, who_needs
from farm.core.sets.members.package_set import PackageSet
from tests.core.sets.values import elf, member
from tests.refusing import refuses

TLS = member(
    "openssl",
    {
        "lib/libssl.so.3": elf(soname="libssl.so.3", needs=["libcrypto.so.3"], exports=["SSL_new@V3", "SSL_old@V3"]),
        "lib/libcrypto.so.3": elf(soname="libcrypto.so.3", exports=["RAND"]),
        "bin/openssl": elf(needs=["libssl.so.3"], imports=["SSL_new@V3@libssl.so.3"]),
    },
)
CURL = member(
    "curl",
    {
        "lib/libcurl.so.4": elf(
            soname="libcurl.so.4",
            needs=["libssl.so.3", "libcrypto.so.3"],
            imports=["SSL_new@V3@libssl.so.3", "SSL_old@V3@libssl.so.3", "RAND"],
        ),
        "bin/curl": elf(needs=["libcurl.so.4", "libssl.so.3"], imports=["SSL_new@V3@libssl.so.3"]),
    },
)
GIT = member("git", {"bin/git": elf(needs=["libcurl.so.4"])}, requires=["command:sh"])
HUB = member("hub", {"bin/hub": "text"}, scripts=[("bin/hub", "interpreter:/usr/bin/sh")], requires=["git"])
SH = member("sh", {"bin/sh": "text"})
ALONE = member("alone", {"share/x": "text"})
PACKAGES = PackageSet.of([TLS, CURL, GIT, HUB, SH, ALONE])


def found(asked: str) -> dict[str, tuple[str, ...]]:
    """Direct dependents with what they use of it; the others with the path to it, in brackets."""
    wanted = understand(asked, PACKAGES, "the set")
    answer = who_needs(wanted, PACKAGES, lambda name: PACKAGES.members[name].facts)
    return {
        dependent.name: tuple(map(str, dependent.uses)) or (f"[{' '.join(dependent.path[1:])}]",)
        for dependent in answer
    }


def test_a_package_is_needed_by_all_that_it_provides() -> None:
    assert found("openssl") == {
        "curl": (
            "libcrypto.so.3 by lib/libcurl.so.4",
            "libssl.so.3 by bin/curl and 1 more (2 symbols)",
        ),
        "git": ("[curl]",),
        "hub": ("[git curl]",),
    }


def test_a_library_is_needed_by_the_files_that_name_it() -> None:
    assert found("libcurl.so.4") == {"git": ("libcurl.so.4 by bin/git",), "hub": ("[git]",)}
    assert found("soname:libcurl.so.4") == found("libcurl.so.4")


def test_a_symbol_is_needed_by_the_files_that_import_it() -> None:
    assert found("libssl.so.3:SSL_old")["curl"] == ("libssl.so.3 by lib/libcurl.so.4 (1 symbol)",)
    assert found("libssl.so.3:SSL_new")["curl"] == ("libssl.so.3 by bin/curl and 1 more (1 symbol)",)
    # It has no version, and belongs to a library that the file names.
    assert found("libcrypto.so.3:RAND")["curl"] == ("libcrypto.so.3 by lib/libcurl.so.4 (1 symbol)",)
    assert found("libssl.so.3:SSL_gone") == {}


def test_a_command_is_needed_by_its_name_and_in_first_lines() -> None:
    assert found("command:sh") == {
        "git": ("command sh, as its recipe says",),
        "hub": ("/usr/bin/sh by bin/hub",),
    }
    assert found("sh") == found("command:sh")  # the package provides nothing else


def test_nobody_needs_what_stands_alone() -> None:
    assert found("alone") == {}
    assert found("package:git") == {"hub": ("package git, as its recipe says",)}


@pytest.mark.parametrize(("asked", "near"), [("opensl", "openssl"), ("libssl.so.4", "libssl.so.3"), ("zzz", "Ask for")])
def test_what_is_not_there_is_told_with_what_is_near(asked: str, near: str) -> None:
    with refuses("unknown-need", match="nothing in the set") as caught:
        understand(asked, PACKAGES, "the set")
    assert near in caught.value.remedy


def test_only_the_facts_of_those_who_need_it_are_asked_for() -> None:
    asked: list[str] = []

    def facts(name: str) -> object:
        asked.append(name)
        return PACKAGES.members[name].facts

    who_needs(understand("openssl", PACKAGES, "the set"), PACKAGES, facts)  # type: ignore[arg-type]
    assert asked == ["curl"]
    assert Use("soname:x.so").to_dict() == {"needs": "soname:x.so", "files": [], "symbols": 0}
