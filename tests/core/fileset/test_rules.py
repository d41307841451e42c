from __future__ import annotations

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.core.fileset import rules
from farm.core.fileset.refusal import Refusal
from tests.core.fileset.trees import NAMES

_PATHS = st.lists(NAMES, min_size=1, max_size=5).map("/".join)
# Targets with every component that has a meaning, in any order.
_TARGETS = st.lists(st.sampled_from(["..", ".", "", "a", "b"]), min_size=1, max_size=6).map("/".join)


@given(_PATHS)
def test_a_path_of_sound_names_is_sound(path: str) -> None:
    assert rules.path_fault(path) is None


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("", Refusal.EMPTY_PATH),
        ("/etc/passwd", Refusal.ABSOLUTE_PATH),
        ("..", Refusal.DOT_DOT),
        ("a/../b", Refusal.DOT_DOT),
        ("./a", Refusal.DOT_DOT),
        ("a/.", Refusal.DOT_DOT),
        ("é/..", Refusal.DOT_DOT),
        ("a//b", Refusal.EMPTY_COMPONENT),
        ("a/", Refusal.EMPTY_COMPONENT),
        ("a\0b", Refusal.CONTROL_CHARACTER),
        ("a\n", Refusal.CONTROL_CHARACTER),
        ("a\x7f", Refusal.CONTROL_CHARACTER),
        ("a\x9b31m", Refusal.CONTROL_CHARACTER),
        ("a\udcff", Refusal.NOT_UTF_8),
        ("a" * 256, Refusal.NAME_TOO_LONG),
        ("é" * 128, Refusal.NAME_TOO_LONG),
        ("a/" * 2048 + "a", Refusal.PATH_TOO_LONG),
    ],
)
def test_an_unsound_path_is_refused_by_name(path: str, fault: Refusal) -> None:
    assert rules.path_fault(path) is fault


@pytest.mark.parametrize("path", ["...", "..a", ".a", "a b", "é" * 127, "a" * 255, "~", "-", "a/" * 2047 + "ab"])
def test_odd_but_harmless_paths_are_fine(path: str) -> None:
    assert rules.path_fault(path) is None


@pytest.mark.parametrize(
    ("path", "target", "fault"),
    [
        ("bin/sh", "", Refusal.EMPTY_LINK),
        ("bin/sh", "/usr/bin/bash", Refusal.ABSOLUTE_LINK),
        ("sh", "../bash", Refusal.ESCAPING_LINK),
        ("bin/sh", "../../bash", Refusal.ESCAPING_LINK),
        ("bin/sh", "./..//../bash", Refusal.ESCAPING_LINK),
        ("a/b/c", "d/../../..", Refusal.WINDING_LINK),
        ("bin/sh", "ba\nsh", Refusal.CONTROL_CHARACTER),
        ("bin/sh", "a\udcff", Refusal.NOT_UTF_8),
        ("bin/sh", "a" * 4097, Refusal.PATH_TOO_LONG),
    ],
)
def test_a_link_that_may_lead_out_is_refused_by_name(path: str, target: str, fault: Refusal) -> None:
    assert rules.link_fault(path, target) is fault


@pytest.mark.parametrize(("path", "target"), [("bin/sh", "bash"), ("a/b/c", "../../d"), ("a", "."), ("a/b", "..")])
def test_a_link_that_stays_inside_is_fine(path: str, target: str) -> None:
    assert rules.link_fault(path, target) is None


def test_a_free_link_may_lead_anywhere_but_is_still_text() -> None:
    assert rules.link_fault("sh", "/bin/bash", absolute=True) is None
    assert rules.link_fault("sh", "../../..", absolute=True) is None
    assert rules.link_fault("sh", "a\0b", absolute=True) is Refusal.CONTROL_CHARACTER


@given(st.dictionaries(st.sampled_from(["a", "b", "c/a", "c/b", "c/d/a", "c/d/b"]), _TARGETS, min_size=1))
def test_sound_links_never_lead_out_however_they_are_combined(links: dict[str, str]) -> None:
    sound = {path: target for path, target in links.items() if rules.link_fault(path, target) is None}
    for path in sound:
        assert _follow(path, sound) is not None


@given(_PATHS, _PATHS)
def test_a_relative_target_leads_where_it_should(link: str, path: str) -> None:
    target = rules.relative_target(link, path)
    assert posixpath.normpath(posixpath.join(posixpath.dirname(link), target)) == path
    assert rules.link_fault(link, target) is None


def _follow(path: str, links: dict[str, str], steps: int = 40) -> list[str] | None:
    """Walk like a kernel; None when `..` is taken at the root of the tree."""
    here: list[str] = []
    waiting = path.split("/")
    while waiting and steps:
        component = waiting.pop(0)
        if component == "..":
            if not here:
                return None
            here.pop()
        elif component not in {"", "."}:
            target = links.get("/".join([*here, component]))
            if target is None:
                here.append(component)
            else:
                steps -= 1
                waiting = target.split("/") + waiting
    return here
