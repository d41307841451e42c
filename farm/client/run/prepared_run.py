"""A prepared run: requested by the same words again, it starts as soon as a check finds nothing new.

The first run verifies everything, and stores the result here. The next one only checks that everything it depends on is
unchanged: what the repository shows, the host's subscriptions, overrides and policy, the unpacked packages. Where
anything differs, or cannot be checked at once, the complete path is taken again, which also has the messages for what
is wrong.

`STATE/prepared/<digest>.json` is one such run. It does not contain the command's own words, which may be secret. It
does not protect anything from `farm gc`: without its packages the run is not valid.

The module imports as little as possible: every start of a container loads it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time

import farm
from farm.client.repository.freshness import status_of, unchanged_state
from farm.client.run.record import append_run

TYPE_CHECKING = False  # as of `typing`, which takes long to load
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from typing import Any

FORMAT = 3
_FOLDER = "prepared"
_MOST = 64
"""The number of prepared runs that are stored: the last ones."""
_DECIDING = ("FARM_", "DOCKER_", "XDG_STATE_HOME", "HOME")
"""Prefixes of the environment variables on which a run depends."""


def words_of(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Return the words that describe the run, and those of the command, which follow `--`."""
    if "--" not in arguments:
        return arguments, []
    end = arguments.index("--")
    return arguments[:end], arguments[end + 1 :]


def key_of(words: Sequence[str]) -> str:
    """Return the key of a run: a digest of the words before its own command, and of the place and user of the call."""
    decides = {name: value for name, value in os.environ.items() if name.startswith(_DECIDING)}
    where = [os.getcwd(), os.geteuid(), os.uname().release, os.isatty(0) and os.isatty(1)]
    said = [FORMAT, farm.__version__, _code(), *words, *where]
    return hashlib.sha256(json.dumps([said, decides], sort_keys=True).encode()).hexdigest()


def _code() -> list[int]:
    """Return the times of the program's directories, which change whenever a file in them is replaced."""
    times, left = [], [os.path.dirname(farm.__file__)]
    while left:
        folder = left.pop()
        times.append(os.stat(folder).st_mtime_ns)
        with os.scandir(folder) as entries:
            left += sorted(entry.path for entry in entries if entry.is_dir() and entry.name != "__pycache__")
    return times


def settings_of(state: str) -> dict[str, list[int] | None]:
    """Return stamps of the settings of a host that decide what runs: subscriptions, overrides, policy."""
    followed, packed = f"{state}/subscriptions", f"{state}/packed"
    paths = [f"{state}/policy.yaml", f"{state}/overrides", packed, *_folders(packed), followed]
    for distribution in _folders(followed):
        paths.append(distribution)
        for channel in _folders(distribution):
            paths += [f"{channel}/subscription.json", f"{channel}/root.json"]
    return {path: stamp(path) for path in paths}


def stamp(path: str) -> list[int] | None:
    """Return values that change with the content of a file, or the names in a directory; None if it is missing."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return [found.st_ino, found.st_ctime_ns]


def keep(state: Path, key: str, form: Mapping[str, object]) -> None:
    """Store a run for `start_again`, which documents its content. Raises `OSError`."""
    from farm.store.durable_file import replace_file

    folder = state / _FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_file(folder / f"{key}.json", json.dumps(form).encode(), durable=False)
    by_age = sorted(folder.glob("[!.]*.json"), key=lambda path: path.stat().st_mtime)
    for path in by_age[:-_MOST]:
        path.unlink(missing_ok=True)


def start_again(state: str, shared: str, key: str, words: Sequence[str]) -> int | None:
    """Start the run of this key with `words` as its command; return its exit status, None where it is not valid.

    With Docker it does not return. A run has: the `settings` of its host, the `stamps` of other paths, and the paths
    that need only be `present`; `looks` at channels, each with the directory of its `metadata`, `channel`, `address`,
    and the digests of `release` and `builders`; when the advisory data `ends`, in seconds since 1970; the words before
    the command (`entrypoint`), and the `usual` command; what is recorded (`run`); and the `engine` with what it needs
    to `start`.
    """
    try:
        with open(f"{state}/{_FOLDER}/{key}.json", "rb") as file:
            form = json.loads(file.read())
        command = [*form["entrypoint"], *(words or form["usual"])]
        start = {"docker": _in_docker, "bubblewrap": _in_bubblewrap}[form["engine"]](form["start"], command)
        users = os.open(f"{shared}/.users", os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(users, fcntl.LOCK_SH | fcntl.LOCK_NB)  # as `CacheLock.used`, without waiting
            if not command or not _holds(state, form):
                return None
            now = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
            append_run(state, now, form["run"], command[0], form["engine"])
        finally:
            os.close(users)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    return start()


def _holds(state: str, form: dict[str, Any]) -> bool:
    return (
        settings_of(state) == form["settings"]
        and all(stamp(path) == value is not None for path, value in form["stamps"].items())
        and all(os.path.lexists(path) for path in form["present"])
        and (form["ends"] is None or time.time() < form["ends"])
        and _engine_is_there(form)
        and all(_shows_the_same(look) for look in form["looks"])
    )


def _shows_the_same(seen: dict[str, str]) -> bool:
    look = unchanged_state(seen["metadata"], seen["channel"], seen["address"])
    return look is not None and (look.release, look.builders) == (seen["release"], seen["builders"])


def _engine_is_there(form: dict[str, Any]) -> bool:
    """Return whether the engine has the image that every run starts from; for bubblewrap, whether it is still chosen.

    Unless bubblewrap was requested, it is used only where no Docker Engine answers.
    """
    start = form["start"]
    if form["engine"] == "docker":
        return status_of(start["socket"], f"/images/{start['image']}/json") == b"200"
    try:
        return not start["unless"] or not status_of(start["unless"], "/_ping")
    except OSError:
        return True


def _in_docker(start: dict[str, Any], command: list[str]) -> Callable[[], None]:
    line = [*start["line"], *command]

    def become() -> None:
        """Become `docker run`; returns only where there is no such program."""
        try:
            os.execvp(line[0], line)  # noqa: S606
        except OSError:
            return

    return become


def _in_bubblewrap(start: dict[str, Any], command: list[str]) -> Callable[[], int | None]:
    def run() -> int | None:
        from pathlib import Path

        from farm.client.run.bubblewrap import BubblewrapError, run_bubblewrap
        from farm.client.run.late_binding import RunOptions

        packages = {store: Path(path) for store, path in start["packages"].items()}
        try:
            return run_bubblewrap(packages, Path(start["links"]), RunOptions.from_dict(start["options"], command))
        except BubblewrapError:
            return None

    return run


def _folders(path: str) -> list[str]:
    try:
        return sorted(f"{path}/{name}" for name in os.listdir(path) if not name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return []
