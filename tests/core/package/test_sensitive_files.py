"""Which files are sensitive, which only look sensitive, and that a package's declaration matches its files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.core.names.declared import SensitiveFile
from farm.core.names.package_name import PackageName
from farm.core.package.elf.details import ElfDetails
from farm.core.package.elf.facts import ElfFacts
from farm.core.package.elf.file import read_elf
from farm.core.package.facts import ElfFile
from farm.core.package.sensitive_files import (
    SensitiveFinding,
    UndeclaredFilesError,
    UnusedDeclarationError,
    check_declared,
    declared_of,
    find_sensitive_files,
)
from farm.core.package.sensitive_places import Sensitivity
from tests.core.package.sensitive_examples import HARMLESS, PLACES
from tests.core.package.small_library import AUDIT, AUXILIARY, DEPAUDIT, FILTER, NEEDED, RPATH, RUNPATH, small_library
from tests.core.package.trees import tree

NAME = PackageName("dist.example.org", "greet")
STORE = "greet-1.0-0123456789"


def found(
    contents: dict[str, bytes | str],
    *,
    links: tuple[tuple[str, str], ...] = (),
    elf: dict[str, ElfFacts] | None = None,
) -> list[tuple[str, Sensitivity]]:
    """The findings, without details."""
    facts = [ElfFile(path, file_facts) for path, file_facts in (elf or {}).items()]
    return [file[:2] for file in find_sensitive_files(tree(contents).manifest, facts, links, STORE)]


@pytest.mark.parametrize(("path", "why"), [(path, why) for why, paths in PLACES.items() for path in paths])
def test_a_file_of_each_place_is_found_as_a_file_a_link_and_a_link_that_is_declared(
    path: str, why: Sensitivity
) -> None:
    assert found({path: b""}) == [(path, why)]
    assert (path, why) in found({path: "x", f"{path.rpartition('/')[0]}/x".lstrip("/"): b""})
    place = path if path.startswith("etc/") else f"usr/{path}"
    assert found({"share/greet/x": b""}, links=((place, "share/greet/x"),)) == [(path, why)]


@pytest.mark.parametrize(
    "link",
    ["usr/local/bin/sh", "usr/local/lib/python3.13/dist-packages/a.pth", "usr/local/etc/profile", "usr/etc/x", "usr/x"],
)
def test_a_link_to_where_no_package_has_anything_is_found(link: str) -> None:
    assert found({"share/greet/x": b""}, links=((link, "share/greet/x"),)) == [(link[4:], Sensitivity.FOREIGN_PLACE)]


def test_what_only_looks_like_it_is_not_found() -> None:
    assert found(dict.fromkeys(HARMLESS, b"")) == []
    assert (
        found(
            {"share/x": b""},
            links=(("usr/bin/greet", "share/x"), ("etc/greet.conf", "share/x"), ("usr/lib64/x.so", "share/x")),
        )
        == []
    )


@given(
    st.lists(st.from_regex(r"(share|include|libexec|sbin)/[a-z.]{1,9}(/[a-z.]{1,9}){0,2}", fullmatch=True), max_size=9)
)
def test_nothing_is_found_in_directories_where_nobody_looks(paths: list[str]) -> None:
    sound = {path for path in paths if not any(part.strip(".") == "" for part in path.split("/"))}
    alone = {path for path in sound if not any(other.startswith(f"{path}/") for other in sound)}
    assert found(dict.fromkeys(alone, b"")) == []


def test_a_library_before_ones_own_is_told_all_the_same() -> None:
    path = "lib/x86_64-linux-gnu/libz.so.1"
    assert found({path: b"", "lib/libz.so.1": b""}) == [(path, Sensitivity.LIBRARY_VARIANT)]


def test_a_library_in_another_directory_makes_a_variant_no_less_anothers() -> None:
    """Debian's loader does not search `lib64` at all: a variant in `lib` is taken for the `lib/libz.so.1` there."""
    for place, other in (("lib", "lib64"), ("lib64", "lib")):
        variant = f"{place}/glibc-hwcaps/x86-64-v3/libz.so.1"
        assert found({variant: b"", f"{other}/libz.so.1": b""}) == [(variant, Sensitivity.LIBRARY_VARIANT)]
        assert found({variant: b"", f"{place}/libz.so.1": b""}) == []


def test_a_python_may_have_in_its_own_directory_what_it_wants() -> None:
    own = (
        "encodings/utf_8/__init__.py",
        "test/sitecustomize.py",
        "lib-dynload/_json.so",
        "__pycache__/os.cpython-313.pyc",
    )
    assert found({f"lib/python3.13/{path}": b"" for path in ("os.py", *own)}) == []
    assert found({"lib/python3.13/os.py": b"", "lib/python3.12/abc/__init__.py": b""}) == [
        ("lib/python3.12/abc/__init__.py", Sensitivity.PYTHON_MODULE)
    ]
    assert (
        found(
            {
                "lib/python3.13/site-packages/__pycache__/x.cpython-313.opt-1.pyc": b"",
                "lib/python3.13/site-packages/x.py": b"",
            }
        )
        == []
    )


def test_a_directory_that_is_linked_in_place_of_a_module_is_one() -> None:
    assert found({"lib/python3.13/json": "../../share/x", "share/x/__init__.py": b""}) == [
        ("lib/python3.13/json", Sensitivity.PYTHON_MODULE)
    ]


def test_variants_of_ones_own_libraries_are_nobodys_business() -> None:
    variant = "lib/glibc-hwcaps/x86-64-v3/libz.so.1"
    assert found({variant: b"", "lib/libz.so.1": b""}) == []
    assert found({variant: b"", "lib/libz.so.1": "libz.so.1.3", "lib/libz.so.1.3": b""}) == []
    assert found({variant: b"", "lib/libz.so.1": "gone"}) == [(variant, Sensitivity.LIBRARY_VARIANT)]
    assert found({variant: b"", "lib/greet/libz.so.1": b""}) == [(variant, Sensitivity.LIBRARY_VARIANT)]


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("etc", "share/x"),
        ("lib", "share/x"),
        ("lib/python3.14", "../share/x"),
        ("lib/python3.13/site-packages", "../../share/x"),
        ("lib/x86_64-linux-gnu", "../share/x"),
        ("lib/glibc-hwcaps/x86-64-v3", "../../share/x"),
        ("etc/xdg", "../share/x"),
        ("lib/systemd", "../share/x"),
        ("share/fish", "x"),
        ("lib/ruby", "../share/x"),
    ],
)
def test_a_link_that_brings_a_whole_directory_to_such_a_place_is_found(link: str, target: str) -> None:
    assert (link, Sensitivity.DIRECTORY_LINK) in found({link: target, "share/x/passwd": b""})


def test_a_directory_that_is_linked_where_such_files_are_is_found_by_its_name() -> None:
    assert found({"etc/profile.d": "../share/x", "share/x/greet.sh": b""}) == [("etc/profile.d", Sensitivity.SHELL)]
    links = (("etc/cron.d", "share/x"), ("usr/lib/python3.13/site-packages", "share/x"))
    assert found({"share/x/greet": b""}, links=links) == [
        ("etc/cron.d", Sensitivity.SCHEDULE),
        ("lib/python3.13/site-packages", Sensitivity.DIRECTORY_LINK),
    ]


def test_links_to_directories_anywhere_else_are_not_found() -> None:
    assert found({"lib/terminfo": "../share/terminfo", "share/terminfo/x": b"", "lib/libz.so": "libz.so.1"}) == []


HIDDEN = {
    "right-to-left override": "\u202e",
    "isolate": "\u2066",
    "zero width space": "\u200b",
    "byte order mark": "\ufeff",
    "soft hyphen": "\u00ad",
    "no-break space": "\u00a0",
    "line separator": "\u2028",
    "tag": "\U000e0041",
    "private": "\ue000",
    "Hangul filler": "\u3164",
    "variation selector": "\ufe0f",
    "braille blank": "\u2800",
}


@pytest.mark.parametrize("character", HIDDEN.values(), ids=HIDDEN)
def test_characters_that_are_not_seen_are_found_in_names_targets_and_directories(character: str) -> None:
    assert found({f"share/gr{character}eet": b""}) == [(f"share/gr{character}eet", Sensitivity.HIDDEN_NAME)]
    assert found({"share/x": f"gr{character}eet"}) == [("share/x", Sensitivity.HIDDEN_NAME)]
    assert (f"share/{character}", Sensitivity.HIDDEN_NAME) in found({f"share/{character}/x": b""})
    link = f"usr/bin/gr{character}eet"
    assert found({"share/x": b""}, links=((link, "share/x"),)) == [(link[4:], Sensitivity.HIDDEN_NAME)]


def test_what_is_said_of_a_hidden_character_shows_it_and_the_remedy_can_be_typed() -> None:
    (finding,) = find_sensitive_files(tree({"share/a\u202eb": b""}).manifest, (), (), STORE)
    assert str(finding).startswith(r"share/a\U0000202eb: its name")
    assert str(finding).endswith("U+202E RIGHT-TO-LEFT OVERRIDE")
    with pytest.raises(UndeclaredFilesError) as caught:
        check_declared(NAME, [finding], ())
    assert caught.value.message.isascii()
    assert "path: share/a?b" in caught.value.remedy
    assert declared_of([finding], [SensitiveFile("share/a?b", "why")]) == (SensitiveFile(finding.path, "why"),)


def test_a_name_that_looks_like_a_glob_can_be_declared_as_the_error_says() -> None:
    (finding,) = find_sensitive_files(tree({"etc/profile.d/[a]*.sh": b""}).manifest, (), (), STORE)
    assert declared_of([finding], [SensitiveFile(finding.pattern, "why")]) == (SensitiveFile(finding.path, "why"),)


SEARCHED = {
    "": "an empty entry is the current directory",
    "lib": "is looked for in the current directory",
    "./lib": "is looked for in the current directory",
    "$ORIGINAL/lib": "is looked for in the current directory",
    "$LIB": "is looked for in the current directory",
    "/tmp/x": "lies outside /usr",
    "/build/src/.libs": "lies outside /usr",
    "/home/me/lib": "lies outside /usr",
    "/": "lies outside /usr",
    "//tmp": "lies outside /usr",
    "/usr/../tmp": "lies outside /usr",
    "/packages/other-1.0-0123456789/lib": "lies outside /usr",
    "$ORIGIN/../../..": "leads out of the package",
    "${ORIGIN}/../../lib": "leads out of the package",
}


@pytest.mark.parametrize("entry", SEARCHED)
def test_a_search_path_that_others_may_write_to_is_found(entry: str) -> None:
    facts = [ElfFile("lib/libx.so", ElfFacts(rpath=("/usr/lib/greet", entry)))]
    (finding,) = find_sensitive_files(tree({"lib/libx.so": b""}).manifest, facts, (), STORE)
    assert (finding.path, finding.why) == ("lib/libx.so", Sensitivity.SEARCH_PATH)
    assert SEARCHED[entry] in finding.detail


LOADED = {
    "./evil.so": "./evil.so is looked for in the current directory",
    "sub/evil.so": "sub/evil.so is looked for in the current directory",
    "$LIB": "$LIB is looked for in the current directory",
    "/tmp/evil.so": "/tmp/evil.so lies outside /usr",
    "/usr/../tmp/evil.so": "lies outside /usr",
    "/packages/other-1.0-0123456789/lib/evil.so": "lies outside /usr",
    "$ORIGIN/../../evil.so": "leads out of the package",
}
SOUND_NAMES = ("libx.so.1", "evil.so", "/usr/lib/libx.so.1", "/lib64/ld-linux-x86-64.so.2", "$ORIGIN/../lib/libx.so.1")


@pytest.mark.parametrize("tag", [NEEDED, AUXILIARY, FILTER])
@pytest.mark.parametrize("name", LOADED)
def test_a_library_that_is_named_by_a_path_to_where_others_may_write_is_found(tag: int, name: str) -> None:
    facts = read_elf(small_library({tag: name}))
    assert facts is not None
    (finding,) = find_sensitive_files(tree({"lib/x.so": b""}).manifest, [ElfFile("lib/x.so", facts)], (), STORE)
    assert finding.why is Sensitivity.SEARCH_PATH
    assert LOADED[name] in finding.detail


@pytest.mark.parametrize("tag", [NEEDED, AUXILIARY, FILTER])
def test_a_library_that_is_named_alone_or_by_a_path_to_usr_is_in_order(tag: int) -> None:
    for name in (*SOUND_NAMES, f"/packages/{STORE}/lib/libx.so"):
        facts = read_elf(small_library({tag: name}))
        assert facts is not None
        assert found({"lib/x.so": b""}, elf={"lib/x.so": facts}) == []


DEEP = {"lib/deep/er/libx.so.1": b"", "lib/libx.so": "deep/er/libx.so.1"}


@pytest.mark.parametrize(
    ("files", "links", "entry", "kind", "said"),
    [
        (DEEP, (), "$ORIGIN/../../tmp", "library", "leads out of /usr from the link lib/libx.so"),
        (DEEP, (), "${ORIGIN}/private/../../../tmp", "library", "leads out of /usr from the link lib/libx.so"),
        (DEEP, (), "$ORIGIN/../lib", "library", ""),
        (DEEP, (), "$ORIGIN/../../tmp", "pie", ""),
        (DEEP, (), "$ORIGIN/..", "library", ""),
        ({**DEEP, "lib/libx.so": b""}, (), "$ORIGIN/../../tmp", "library", ""),
        (
            {**DEEP, "lib/libx.so": b""},
            (("lib/a.so", "lib/deep/er/libx.so.1"),),
            "$ORIGIN/../../tmp",
            "library",
            "lib/a.so",
        ),
        (
            {**DEEP, "lib/libx.so": b""},
            (("etc/a.so", "lib/deep/er/libx.so.1"),),
            "$ORIGIN/../tmp",
            "library",
            "of /etc",
        ),
    ],
)
def test_a_library_looks_from_where_a_link_to_it_is(files, links, entry, kind, said) -> None:
    facts = [ElfFile("lib/deep/er/libx.so.1", ElfFacts(runpath=(entry,), details=ElfDetails(kind)))]
    details = [file.detail for file in find_sensitive_files(tree(files).manifest, facts, links, STORE)]
    assert len(details) == bool(said)
    assert all(said in detail for detail in details)


@pytest.mark.parametrize("tag", [NEEDED, AUXILIARY, FILTER])
def test_a_library_is_opened_from_where_a_link_is_to_the_one_that_names_it(tag: int) -> None:
    facts = read_elf(small_library({tag: "$ORIGIN/../../tmp/evil.so"}))
    assert facts is not None
    assert found(DEEP, elf={"lib/deep/er/libx.so.1": facts}) == [("lib/deep/er/libx.so.1", Sensitivity.SEARCH_PATH)]


def test_a_library_in_etc_is_not_in_usr() -> None:
    facts = {"etc/x/libx.so": ElfFacts(runpath=("$ORIGIN/../../tmp",))}
    assert found({"etc/x/libx.so": b""}, elf=facts) == [("etc/x/libx.so", Sensitivity.SEARCH_PATH)]


def test_entries_are_looked_at_as_they_stand_in_either_list_and_so_are_auditors() -> None:
    for tag in (RPATH, RUNPATH):
        facts = read_elf(small_library({tag: "/usr/lib::$ORIGIN"}))
        assert facts is not None
        assert found({"lib/x.so": b""}, elf={"lib/x.so": facts}) == [("lib/x.so", Sensitivity.SEARCH_PATH)]
    for tag in (AUDIT, DEPAUDIT):
        facts = read_elf(small_library({tag: "evil.so:"}))
        assert facts is not None
        assert found({"bin/x": b""}, elf={"bin/x": facts}) == [("bin/x", Sensitivity.AUDIT)]


def test_facts_of_before_tell_what_they_have() -> None:
    old = ElfFacts(runpath=("/tmp",), details=None)
    assert found({"lib/x.so": b""}, elf={"lib/x.so": old}) == [("lib/x.so", Sensitivity.SEARCH_PATH)]


def test_search_paths_in_usr_and_in_the_package_are_in_order() -> None:
    sound = (
        "/usr/lib/greet",
        "/lib",
        "/usr/$LIB",
        "$ORIGIN",
        "$ORIGIN/../lib/greet",
        "${ORIGIN}/..",
        f"/packages/{STORE}",
    )
    assert found({"lib/libx.so": b""}, elf={"lib/libx.so": ElfFacts(rpath=sound)}) == []


def test_what_a_descriptor_says_names_each_file_with_the_reason_of_the_first_glob() -> None:
    findings = [SensitiveFinding(path, Sensitivity.LOGIN) for path in ("etc/pam.d/a", "etc/pam.d/b", "etc/passwd")]
    declared = (
        SensitiveFile("etc/pam.d/b", "b"),
        SensitiveFile("etc/pam.d", "all"),
        SensitiveFile("etc/hosts", "not here"),
    )
    assert declared_of(findings, declared) == (SensitiveFile("etc/pam.d/a", "all"), SensitiveFile("etc/pam.d/b", "b"))


def test_all_that_is_not_declared_is_named_and_so_is_what_is_not_there() -> None:
    findings = [
        SensitiveFinding("etc/passwd", Sensitivity.LOGIN),
        SensitiveFinding("etc/hosts", Sensitivity.NAME_SERVICE),
    ]
    both = [SensitiveFile(finding.path, "why") for finding in findings]
    check_declared(NAME, findings, both)
    with pytest.raises(UndeclaredFilesError, match=r"greet has a sensitive file.*:\n  etc/hosts: it says where"):
        check_declared(NAME, findings, both[:1])
    with pytest.raises(UndeclaredFilesError, match=r"greet has 2 sensitive files.*\n  etc/passwd: .*\n  etc/hosts: "):
        check_declared(NAME, findings, ())
    with pytest.raises(UnusedDeclarationError, match="does not have: etc/hosts"):
        check_declared(NAME, findings[:1], both)
