"""Unpacked files are verified once: a user who could change them afterwards would decide what others run."""

from __future__ import annotations

import grp
import os
import pwd
import struct
from typing import TYPE_CHECKING

import pytest

from farm.store.durable_file import replace_file
from farm.store.private_directory import check_own, make_own, own_state
from tests.refusing import refuses

if TYPE_CHECKING:
    from pathlib import Path

USER = pwd.getpwuid(os.geteuid()).pw_name
OTHERS = 65533 if os.geteuid() == 0 else -1
"""A group other than this user's own, where a file can be given to one."""
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives a directory to another user")


@pytest.fixture
def made(tmp_path: Path) -> Path:
    before = os.umask(0o002)
    try:
        make_own(tmp_path / "above" / "host")
    finally:
        os.umask(before)
    return tmp_path / "above" / "host"


def test_what_is_made_is_ones_own_whatever_the_umask(made: Path) -> None:
    assert made.stat().st_mode & 0o777 == 0o700
    check_own(made)
    make_own(made)


def test_what_is_not_there_is_nobodys(tmp_path: Path) -> None:
    check_own(tmp_path / "none")


@pytest.mark.parametrize(("mode", "who"), [(0o777, "everybody"), (0o1777, "everybody"), (0o775, "its group")])
@pytest.mark.parametrize("name", ["", "packages", "blobs"])
def test_where_others_may_write_nothing_is_used(made: Path, name: str, mode: int, who: str) -> None:
    os.chown(made / name, -1, OTHERS)
    (made / name).chmod(mode)
    with refuses("not-own-directory") as refused:
        check_own(made)
    assert refused.value.message.startswith(f"{who} may write to {made / name}, and could change")
    assert f"chmod go-w {made / name}" in refused.value.remedy


@needs_root
@pytest.mark.parametrize("name", ["", "packages", "blobs"])
def test_what_belongs_to_another_is_not_used(made: Path, name: str) -> None:
    os.chown(made / name, 65533, -1)
    with refuses("not-own-directory") as refused:
        check_own(made)
    assert refused.value.message == f"{made / name} belongs to user 65533, who could change what root runs from it"
    assert "FARM_HOST" in refused.value.remedy


@needs_root
def test_what_belongs_to_root_is_good_for_everybody(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 65533)
    check_own(made)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    own_state(tmp_path / "above" / "state")
    return tmp_path / "above" / "state"


def test_a_state_is_made_for_its_user_alone(state: Path) -> None:
    assert state.stat().st_mode & 0o777 == 0o700
    own_state(state)


@pytest.mark.parametrize("name", ["above", "above/state", "above/state/subscriptions"])
def test_nobody_else_may_write_to_a_state_nor_to_what_leads_there(state: Path, tmp_path: Path, name: str) -> None:
    (state / "subscriptions").mkdir()
    (tmp_path / name).chmod(0o757)
    with refuses("not-own-directory") as refused:
        own_state(state)
    message = f"everybody may write to {tmp_path / name}, and could change whom {USER} trusts and what runs"
    assert refused.value.message == message
    assert f"chmod go-w {tmp_path / name}" in refused.value.remedy
    assert "FARM_STATE" in refused.value.remedy


BELOW = ("policy.yaml", "subscriptions/d/c", "subscriptions/d/c/root.json", "keys/offline/root.key", "prepared/x.json")


@pytest.fixture
def filled(state: Path) -> Path:
    for name in BELOW:
        replace_file(state / name / "metadata" if name == "subscriptions/d/c" else state / name, b"{}")
    own_state(state)
    return state


@pytest.mark.parametrize("mode", [0o002, 0o020])
@pytest.mark.parametrize("name", BELOW)
def test_nobody_else_may_write_to_anything_in_a_state_however_deep(filled: Path, name: str, mode: int) -> None:
    place = filled / name
    os.chown(place, -1, OTHERS)
    place.chmod(place.stat().st_mode | mode)
    with refuses("not-own-directory") as refused:
        own_state(filled)
    assert f"may write to {place}, and could change whom {USER} trusts" in refused.value.message
    assert f"chmod go-w {place}" in refused.value.remedy


@needs_root
@pytest.mark.parametrize("name", BELOW)
def test_nothing_in_a_state_belongs_to_another_however_deep(filled: Path, name: str) -> None:
    os.chown(filled / name, 65533, -1)
    with refuses("not-own-directory", match=f"{name} belongs to user 65533"):
        own_state(filled)


def test_what_a_link_in_a_state_leads_to_counts_too(filled: Path, tmp_path: Path) -> None:
    replace_file(tmp_path / "stick" / "root.key", b"")
    (tmp_path / "stick" / "round").symlink_to(filled)
    (filled / "keys" / "online").symlink_to(tmp_path / "stick")
    (filled / "keys" / "gone").symlink_to("nowhere")
    own_state(filled)
    (tmp_path / "stick" / "root.key").chmod(0o666)
    with refuses("not-own-directory", match=r"everybody may write to .*/keys/online/root.key"):
        own_state(filled)


@pytest.mark.parametrize("name", ["blobs", "public/targets"])
def test_what_is_verified_when_it_is_read_is_not_looked_through(filled: Path, name: str) -> None:
    for place in (filled / name / "x", filled / "public/metadata/x"):
        replace_file(place, b"")
    (filled / name / "x").chmod(0o666)
    own_state(filled)
    (filled / name).chmod(0o777)
    with refuses("not-own-directory", match=f"everybody may write to .*/{name},"):
        own_state(filled)
    (filled / name).chmod(0o755)
    (filled / "public/metadata/x").chmod(0o666)
    with refuses("not-own-directory", match=r"everybody may write to .*/public/metadata/x,"):
        own_state(filled)


def test_a_cache_in_a_state_has_its_own_guard(filled: Path) -> None:
    (filled / "cache" / "packages").mkdir(parents=True)
    (filled / "cache" / "packages").chmod(0o777)
    own_state(filled, filled / "cache")
    with refuses("not-own-directory", match="everybody may write to"):
        own_state(filled)
    with refuses("not-own-directory", match="everybody may write to"):
        check_own(filled / "cache")


def test_what_farm_writes_is_for_nobody_else_to_write_to_whatever_the_umask(state: Path) -> None:
    before = os.umask(0)
    try:
        replace_file(state / "a" / "b" / "c", b"x")
    finally:
        os.umask(before)
    assert [(state / path).stat().st_mode & 0o777 for path in ("a", "a/b", "a/b/c")] == [0o755, 0o755, 0o644]
    own_state(state)


def test_a_sticky_directory_may_lead_to_a_state_and_be_none(state: Path) -> None:
    state.parent.chmod(0o1777)
    own_state(state)
    state.chmod(0o1777)
    with refuses("not-own-directory", match="everybody may write to"):
        own_state(state)


@needs_root
@pytest.mark.parametrize("name", ["above", "above/state", "above/state/subscriptions"])
def test_nothing_that_leads_to_a_state_belongs_to_another(state: Path, tmp_path: Path, name: str) -> None:
    state.parent.chmod(0o1777)
    (state / "subscriptions").mkdir()
    os.chown(tmp_path / name, 65533, -1)
    with refuses("not-own-directory", match=f"{name} belongs to user 65533"):
        own_state(state)


@needs_root
def test_a_link_of_anothers_leads_to_no_state_of_ones_own(state: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(state)
    own_state(tmp_path / "link")
    os.chown(tmp_path / "link", 65533, -1, follow_symlinks=False)
    with refuses("not-own-directory", match="link belongs to user 65533"):
        own_state(tmp_path / "link")
    (tmp_path / "good").symlink_to(state)
    state.chmod(0o777)
    with refuses("not-own-directory", match="everybody may write to"):
        own_state(tmp_path / "good")


@needs_root
@pytest.mark.parametrize("inner", ["{state}", "../above/state", "../above/../above/"])
def test_each_link_on_the_way_counts_where_it_lies(state: Path, tmp_path: Path, inner: str) -> None:
    """From a link of root's through one in a stranger's directory to a directory of root's."""
    strange = tmp_path / "strange"
    strange.mkdir()
    (strange / "link").symlink_to(inner.format(state=state))
    (tmp_path / "good").symlink_to("strange/link")
    (tmp_path / "better").symlink_to(tmp_path / "good")
    own_state(tmp_path / "better")
    os.chown(strange, 65533, -1)
    for way in ("better", "good", "strange/link", "strange/../above/state"):
        with refuses("not-own-directory", match=f"{strange} belongs to user 65533"):
            own_state(tmp_path / way)
        with refuses("not-own-directory", match=f"{strange} belongs to user 65533"):
            check_own(tmp_path / way)
    os.chown(strange, 0, -1)
    os.chown(strange / "link", 65533, -1, follow_symlinks=False)
    with refuses("not-own-directory", match=f"{strange}/link belongs to user 65533"):
        own_state(tmp_path / "better")


def test_a_link_in_a_sticky_directory_is_for_nobody_else_to_change(state: Path, tmp_path: Path) -> None:
    (tmp_path / "all").mkdir()
    (tmp_path / "all").chmod(0o1777)
    (tmp_path / "all" / "link").symlink_to(state)
    (tmp_path / "good").symlink_to("all/link")
    own_state(tmp_path / "good")
    (tmp_path / "all").chmod(0o777)
    with refuses("not-own-directory", match=r"everybody may write to .*/all,"):
        own_state(tmp_path / "good")


def test_links_in_a_circle_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    check_own(tmp_path / "a")


@pytest.mark.parametrize("mode", [0o2, 0o20])
def test_a_link_in_a_state_leads_to_no_directory_that_others_may_write_to(
    state: Path, tmp_path: Path, mode: int
) -> None:
    (tmp_path / "others").mkdir(mode=0o755)
    (state / "subscriptions").symlink_to(tmp_path / "others")
    own_state(state)
    os.chown(tmp_path / "others", -1, OTHERS)
    (tmp_path / "others").chmod(0o755 | mode)
    with refuses("not-own-directory", match=r"may write to .*/others,"):
        own_state(state)


LISTED = {"user": (2, 7), "group": (8, 7), "reader": (2, 5), "root": (2, 7, 0), "masked": (2, 7)}


@pytest.mark.parametrize("name", ["", "subscriptions", "subscriptions/root.json"])
@pytest.mark.parametrize("who", LISTED)
def test_who_may_write_by_an_access_list_is_somebody_else(state: Path, name: str, who: str) -> None:
    replace_file(state / "subscriptions" / "root.json", b"{}")
    tag, rights, *number = LISTED[who]
    mask = 5 if who == "masked" else 7
    entries = [(1, 7, -1), (tag, rights, *(number or [65533])), (4, 5, -1), (0x10, mask, -1), (0x20, 5, -1)]
    content = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in sorted(entries))
    try:
        os.setxattr(state / name, "system.posix_acl_access", content)
    except OSError as error:
        pytest.skip(f"the file system has no access lists: {error}")
    if who in {"reader", "root", "masked"}:
        own_state(state)
        return
    with refuses("not-own-directory") as refused:
        own_state(state)
    place = (state / name) if name else state
    assert refused.value.message.startswith(f"a user in its access list may write to {place}, and could change")
    assert f"setfacl --remove-all {place}" in refused.value.remedy


def test_who_logs_in_with_a_group_is_in_it(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    me = pwd.getpwuid(os.geteuid())
    os.chown(state, -1, me.pw_gid)
    state.chmod(0o770)
    monkeypatch.setattr(grp, "getgrgid", lambda number: grp.struct_group((me.pw_name, "x", number, [])))
    own_state(state)
    mallory = pwd.struct_passwd(("mallory", "x", 65533, me.pw_gid, "", "/", "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwall", lambda: [me, mallory])
    with refuses("not-own-directory", match="its group may write"):
        own_state(state)


def test_a_group_of_the_users_own_is_nobody_else(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    me, group = pwd.getpwuid(os.geteuid()), grp.getgrgid(os.getegid())
    state.chmod(0o770)
    monkeypatch.setattr(grp, "getgrgid", lambda _number: group_of(group, me.pw_name, []))
    monkeypatch.setattr(pwd, "getpwuid", lambda _number: me)
    own_state(state)
    for name, members in ((me.pw_name, ["mallory"]), ("users", [])):
        monkeypatch.setattr(grp, "getgrgid", lambda _number, n=name, m=members: group_of(group, n, m))
        with refuses("not-own-directory", match="its group may write"):
            own_state(state)


def group_of(group: grp.struct_group, name: str, members: list[str]) -> grp.struct_group:
    return grp.struct_group((name, "x", group.gr_gid, members))
