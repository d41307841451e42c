"""Checks that only a user and root can change the file at a path, or replace it.

The module imports almost nothing: every start of a container loads it.
"""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False  # as of `typing`
if TYPE_CHECKING:
    from collections.abc import Iterator

EVERYBODY, ITS_GROUP, LISTED = "everybody", "its group", "a user in its access list"
"""Who else may write to a place."""

_MOST_LINKS = 40  # MAXSYMLINKS of Linux
# Tags of ACL entries, the id of entries without one, and the write permission (linux/posix_acl.h).
_USER, _OWNING_GROUP, _GROUP, _UNDEFINED, _WRITE = 2, 4, 8, 0xFFFFFFFF, 2


def place_open_to_others(path: str, user: int) -> tuple[str, int, str] | None:
    """Return the first place on the way to `path`, or itself, that another user could change; None if none.

    The result is the place, its owner, and who may write to it (`EVERYBODY`, `ITS_GROUP`, `LISTED`; empty where the
    owner is another user). `path` may be a file. Everything that the kernel passes through counts, including the
    directories of links on the way.

    A directory on the way may be world-writable if it is sticky, like `/tmp`: users cannot remove each other's files
    there. `path` itself may not: the first user to make a name in it decides what that is. A group of the user or of
    root, without other members, counts as that user. Missing places are ignored.
    """
    for place, is_end in dict.fromkeys(places_on_the_way(path)):
        try:
            found = os.lstat(place)
        except OSError:
            continue  # it is missing, or in a place that this user cannot search, and so cannot read from either
        if found.st_uid not in (0, user) and (is_end or not _has_no_number_here(found.st_uid)):
            return place, found.st_uid, ""
        is_passed_through = not is_end and found.st_mode & stat.S_ISVTX
        if not is_passed_through and (writers := _writers(place, found, user)):
            return place, found.st_uid, writers
    return None


def weakness_below(
    directory: str,
    user: int,
    leave_out: tuple[str, ...] = (),
    given: dict[str, tuple[int, int]] | None = None,
    seen: set[tuple[int, int]] | None = None,
) -> tuple[str, int, str] | None:
    """Return the first file or directory below one that another user could change, or None: see `place_open_to_others`.

    The targets of links count, with everything below them. `leave_out` are paths in the directory whose content is not
    checked. Nor is the content of the `given` paths: there the given user and group, and no others, may be the owners.
    What cannot be read is left out: it cannot be used either.
    """
    given = given or {}
    seen = set() if seen is None else seen  # links can form loops
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except OSError:
        return None
    for entry in entries:
        try:
            found = entry.stat(follow_symlinks=False)
            if entry.is_symlink():
                if weak := place_open_to_others(entry.path, user):
                    return weak
                found = entry.stat()
        except OSError:
            continue  # it was removed, or leads nowhere
        owner, group = given.get(entry.name, (user, None))
        if found.st_uid not in (0, user, owner):
            return entry.path, found.st_uid, ""
        if writers := _writers(entry.path, found, user, group):
            return entry.path, found.st_uid, writers
        key = (found.st_dev, found.st_ino)
        is_apart = entry.name in leave_out or entry.name in given
        if stat.S_ISDIR(found.st_mode) and not is_apart and key not in seen:
            seen.add(key)
            within = f"{entry.name}/"
            apart = tuple(path.removeprefix(within) for path in leave_out if path.startswith(within))
            theirs = {path.removeprefix(within): owners for path, owners in given.items() if path.startswith(within)}
            if weak := weakness_below(entry.path, user, apart, theirs, seen):
                return weak
    return None


def places_on_the_way(path: str) -> Iterator[tuple[str, bool]]:
    """Yield what the kernel passes through on the way to an absolute path, and whether that is the path itself.

    Where links lead on from one another, all of them count as the path itself.
    """
    here, ahead, followed = "/", _parts(path), 0
    yield here, not ahead
    while ahead:
        part = ahead.pop()
        if part == "..":
            here = os.path.dirname(here)
            yield here, not ahead
            continue
        place = os.path.join(here, part)
        yield place, not ahead
        try:
            target = os.readlink(place)
        except OSError:
            here = place  # it is not a link, or does not exist
            continue
        followed += 1
        if followed > _MOST_LINKS:
            return
        ahead += _parts(target)
        if target.startswith("/"):
            here = "/"
            yield here, not ahead
        elif not ahead:
            yield here, True


def _parts(path: str) -> list[str]:
    """Return the components of a path, the last one first."""
    return [part for part in reversed(path.split("/")) if part not in ("", ".")]


def _has_no_number_here(owner: int) -> bool:
    """Return whether an owner has no id in this user namespace, like root outside: the owner is outside."""
    try:
        with open("/proc/self/uid_map") as ranges, open("/proc/sys/kernel/overflowuid") as number:
            mapped = [(int(first), int(count)) for first, _, count in map(str.split, ranges)]
            return owner == int(number.read()) and not any(first <= owner < first + count for first, count in mapped)
    except (OSError, ValueError):
        return False


def _writers(place: str, found: os.stat_result, user: int, given: int | None = None) -> str:
    """Return who may write to a file or directory besides a user and the group that it is `given` to.

    Links cannot be written to, and sockets have no content.
    """
    if not (stat.S_ISDIR(found.st_mode) or stat.S_ISREG(found.st_mode)):
        return ""
    if found.st_mode & stat.S_IWOTH:
        return EVERYBODY
    if not found.st_mode & stat.S_IWGRP:
        return ""  # where there is an ACL, these bits are its upper bound
    listed = _listed(place)
    is_its_groups = listed is None or (_OWNING_GROUP, _UNDEFINED) in listed
    if is_its_groups and found.st_gid != given and not _is_nobody_elses(found.st_gid, user):
        return ITS_GROUP
    for tag, number in listed or ():
        if (tag == _USER and number not in (0, user)) or (tag == _GROUP and not _is_nobody_elses(number, user)):
            return LISTED
    return ""


def _listed(place: str) -> list[tuple[int, int]] | None:
    """Return whom a POSIX ACL (acl(5)) lets write: pairs of a tag and an id. None where there is no ACL."""
    try:
        content = os.getxattr(place, "system.posix_acl_access", follow_symlinks=False)
    except (AttributeError, OSError):  # not on this system, not on this file system, or not on this file
        return None
    # A version, and entries of 2 bytes of tag, 2 of permissions and 4 of the user's or group's id, all little-endian.
    entries = [content[at : at + 8] for at in range(4, len(content), 8)]
    return [(entry[0], int.from_bytes(entry[4:], "little")) for entry in entries if entry[2] & _WRITE]


def _is_nobody_elses(group: int, user: int) -> bool:
    return any(_is_own_group(group, owner) for owner in (user, 0))


def _is_own_group(group: int, user: int) -> bool:
    """Return whether a group was made for this user alone, as Debian's and Fedora's `useradd` do.

    Others belong to it if they are in its list of members, or if it is their login group.
    """
    import grp
    import pwd

    try:
        person, people = pwd.getpwuid(user), grp.getgrgid(group)
    except KeyError:
        return False
    if (person.pw_gid, person.pw_name) != (group, people.gr_name) or {*people.gr_mem} - {person.pw_name}:
        return False
    return all(account.pw_uid == user for account in pwd.getpwall() if account.pw_gid == group)
