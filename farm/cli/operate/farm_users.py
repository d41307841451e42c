"""The users that the programs of a farm run as: one for each, so that none can read or change the files of another.

They need no accounts: at its first start, a farm takes user IDs of its own from a range that systems leave unused, and
stores them in its directory. Or `FARM_USERS` names existing accounts. Build workers stay root, because they mount.
"""

from __future__ import annotations

import grp
import json
import os
import pwd
import secrets
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farm.cli.operate.farm_home import FarmHome

ROOT, EVERY, STORE = "root", "farm", "store"
"""Root; the group of all services, which may enter the farm's directory; the group that may write its store."""
_STORES_UMASK, _USUAL_UMASK = 0o002, 0o022

_GROUPS = {EVERY: 0, STORE: 1}
_SERVICES = {"redis": 2, "signer": 3, "web": 4, "control": 5, "check": 6}
"""The services with users of their own, and the place of each in a farm's block of numbers: never reuse one."""
_IN_STORE = ("web", "control")
_FIRST, _LAST, _BLOCK = 0x70000000, 0x7FFDFFFF, 16
"""Numbers that neither distributions nor containers nor systemd assign (systemd.io/UIDS-GIDS), in blocks."""


@dataclass(frozen=True, slots=True)
class FarmUser:
    """The user of a program: IDs of the user, its group, and its other groups."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    umask: int


@dataclass(frozen=True, slots=True)
class FarmUsers:
    """The users of a farm by service, and the numbers of its groups by name; `first` of its block, if it has one."""

    users: dict[str, FarmUser]
    groups: dict[str, int]
    first: int | None = None

    def uid(self, name: str) -> int:
        """Return the number of a service's user, or root's."""
        return 0 if name == ROOT else self.users[name].uid

    def gid(self, name: str) -> int:
        """Return the number of a group: of `EVERY`, `STORE`, root, or a service's own."""
        if name in self.groups:
            return self.groups[name]
        return 0 if name == ROOT else self.users[name].gid

    def to_dict(self) -> dict[str, Any]:
        """Return the IDs by name, in stored form."""
        users = {name: [user.uid, user.gid] for name, user in self.users.items()}
        return {"first": self.first, "users": users, "groups": self.groups}


def take_users(home: FarmHome, prefix: str) -> FarmUsers | None:
    """Return the users of a farm: its present ones; otherwise accounts by `prefix`, or numbers of its own."""
    if os.geteuid() != 0:
        return None
    kept = _kept(home.users)
    known = kept["first"] if kept else None
    users = _named(prefix) if prefix else _numbered(known or _new_block())
    if kept:
        _check_unchanged(home, users.to_dict(), kept)
    return users


def keep_users(home: FarmHome, users: FarmUsers, given: dict[str, tuple[int, int]]) -> None:
    """Record the users of a farm, and which places in its directory belong to which user and group."""
    from farm.store.durable_file import replace_file

    form = {**users.to_dict(), "given": {place: list(owner) for place, owner in sorted(given.items())}}
    replace_file(home.users, (json.dumps(form, indent=1) + "\n").encode())


@dataclass(frozen=True, slots=True)
class ServiceStart:
    """How the services of a farm are started: as `users`; without, as the user who starts them."""

    users: FarmUsers | None
    reach: tuple[Path, ...]
    leave_out: Path

    @classmethod
    def of(cls, home: FarmHome, users: FarmUsers | None, recipes: Path) -> ServiceStart:
        """Return the start of a farm's services: they use its directory, its recipes and the code."""
        elsewhere = [path for folder in (home.root, home.public) for path in folder.iterdir() if path.is_symlink()]
        return cls(users, (home.root, *elsewhere, recipes.absolute(), *code_paths()), home.host / "attempts")

    def command(self, service: str, command: Sequence[str], capability: str = "") -> tuple[str, ...]:
        """Return the command line by which root starts the command of a service.

        `capability` names what it may do beyond its user, in the words of setpriv(1).
        """
        if self.users is None:
            return tuple(command)
        user = self.users.users[service]
        groups = ",".join(map(str, user.groups))
        kept = f"-all,+{capability}" if capability else "-all"
        program = Path(shutil.which(command[0]) or command[0])
        bounds = (f"--{kind}={kept}" for kind in ("inh-caps", "ambient-caps", "bounding-set"))
        return (
            *(sys.executable, "-P", "-m", "farm.cli.operate.change_user"),
            *(word for path in (*self.reach, program) for word in ("--reach", str(path))),
            *("--leave-out", str(self.leave_out), "--uid", str(user.uid), "--gid", str(user.gid)),
            *("--groups", groups, "--umask", f"{user.umask:o}", "--"),
            *("setpriv", f"--reuid={user.uid}", f"--regid={user.gid}", f"--groups={groups}", "--no-new-privs"),
            *(*bounds, "--pdeathsig", "KILL", "--"),
            *command,
        )


def code_paths() -> list[Path]:
    """Return the paths of the code of farm's programs: Python, its packages, and farm itself."""
    import farm

    return [Path(path) for path in (sys.base_prefix, sys.prefix, sys.executable, Path(farm.__file__).parents[1])]


def _kept(path: Path) -> dict[str, Any] | None:
    try:
        kept: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    return kept


def _new_block() -> int:
    while True:
        first = _FIRST + _BLOCK * secrets.randbelow((_LAST + 1 - _FIRST) // _BLOCK)
        if not any(_is_taken(number) for number in range(first, first + _BLOCK)):
            return first


def _is_taken(number: int) -> bool:
    for look in (pwd.getpwuid, grp.getgrgid):
        try:
            look(number)
        except KeyError:
            continue
        return True
    return False


def _numbered(first: int) -> FarmUsers:
    if not _is_mapped(first):
        raise FarmError(
            f"this user namespace has no user {first}, which a program of this farm would run as",
            remedy="Make accounts for them, and name their prefix in FARM_USERS: see `Users` in docs/operate.md.",
            code="users",
        )
    groups = {name: first + at for name, at in _GROUPS.items()}
    return _users({name: (first + at, first + at) for name, at in _SERVICES.items()}, groups, first)


def _is_mapped(number: int) -> bool:
    ranges = (tuple(map(int, line.split())) for line in Path("/proc/self/uid_map").read_text().splitlines())
    return any(begin <= number < begin + count for begin, _, count in ranges)


def _named(prefix: str) -> FarmUsers:
    try:
        groups = {EVERY: grp.getgrnam(prefix).gr_gid, STORE: grp.getgrnam(f"{prefix}-{STORE}").gr_gid}
        found = {name: pwd.getpwnam(f"{prefix}-{name}") for name in _SERVICES}
    except KeyError as error:
        accounts = ", ".join(f"{prefix}-{name}" for name in _SERVICES)
        raise FarmError(
            f"FARM_USERS is {prefix}, and there is no such account: {error.args[0]}",
            remedy=f"Make the users {accounts}, each with a group of its name, and the groups {prefix} and "
            f"{prefix}-{STORE}, as docs/operate.md says. Without FARM_USERS no accounts are needed.",
            code="users",
        ) from error
    numbers = {name: (account.pw_uid, account.pw_gid) for name, account in found.items()}
    given = [0, *groups.values(), *(gid for _, gid in numbers.values())]
    if len({uid for uid, _ in numbers.values()} | {0}) <= len(numbers) or len(set(given)) < len(given):
        raise FarmError(
            f"the accounts {prefix}-… are not separate: two have one number, or one group, or root's",
            remedy="Give each a number and a group of its own, as docs/operate.md says.",
            code="users",
        )
    return _users(numbers, groups)


def _users(numbers: dict[str, tuple[int, int]], groups: dict[str, int], first: int | None = None) -> FarmUsers:
    users = {}
    for name, (uid, gid) in numbers.items():
        stores = name in _IN_STORE
        more = (groups[EVERY], groups[STORE]) if stores else (groups[EVERY],)
        users[name] = FarmUser(uid, gid, more, _STORES_UMASK if stores else _USUAL_UMASK)
    return FarmUsers(users, groups, first)


def _check_unchanged(home: FarmHome, now: dict[str, Any], kept: dict[str, Any]) -> None:
    """Refuse other IDs than those that own the files of a farm. A service of a later version has none yet."""
    for kind in ("users", "groups"):
        for name, before in kept[kind].items():
            if name in now[kind] and now[kind][name] != before:
                raise FarmError(
                    f"the files of {name} in {home.root} belong to {before}, but would now belong to {now[kind][name]}",
                    remedy="Start the farm with the same FARM_USERS as before. To change users, see docs/operate.md.",
                    code="users",
                )
