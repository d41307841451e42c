"""The directory of kept builds: each complete or not there at all, within a budget, and never removed while in use.

jq@2/record.json    what was built, and where it stopped (`KeptBuild`)
jq@2/sources.json   the state of each file below /build/src when it was kept
jq@2/workspace/     build, tmp and out, with owners and times: programs such as make compare them
.new-…              one that is being copied; .old-…: one that is being removed
.numbers/jq         the last number that was given: one that was removed is never given again
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from farm.build.attempt.workspace import DIRECTORIES
from farm.build.kept.record import KeptBuild
from farm.build.kept.source_states import source_states
from farm.container.attempt_directory import take_over
from farm.container.disk_allowance import disk_usage
from farm.core.names.canonical_json import canonical_json
from farm.core.names.wording import human_size
from farm.errors import FarmError
from farm.store.durable_file import replace_file
from farm.store.locks import locked, no_progress, take_lock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_NAME = re.compile(r"([a-z0-9][a-z0-9+._-]*)@([0-9]{1,9})")
_NEW, _OLD = ".new-", ".old-"
_NUMBERS, _LOCK = ".numbers", ".numbers.lock"
_RECORD, _SOURCES = "record.json", "sources.json"


@dataclass(frozen=True, slots=True)
class KeptTree:
    """A kept build in its directory."""

    path: Path
    build: KeptBuild

    @property
    def name(self) -> str:
        """The name of the kept build: its recipe and a number, as `jq@2`."""
        return self.path.name

    @property
    def workspace(self) -> Path:
        """The directory of its workspace."""
        return self.path / "workspace"

    @property
    def source_directory(self) -> Path:
        """The directory that is /build/src in the build; missing, or anything else, where the build made it so."""
        return self.workspace / "build" / "src"

    @property
    def sources(self) -> dict[str, str]:
        """The states of the files below /build/src when it was kept, by path."""
        found: dict[str, str] = json.loads((self.path / _SOURCES).read_bytes())
        return found

    def with_sources(self, sources: Mapping[str, str]) -> None:
        """Replace the states of its sources, atomically."""
        replace_file(self.path / _SOURCES, canonical_json(dict(sources)), mode=0o600)

    def recorded(self, build: KeptBuild) -> KeptTree:
        """Replace its record, atomically."""
        replace_file(self.path / _RECORD, canonical_json(build.to_dict()) + b"\n", mode=0o600)
        return replace(self, build=build)

    def record_now(self) -> KeptBuild:
        """Read its record again, which another command may have replaced."""
        return KeptBuild.from_dict(json.loads((self.path / _RECORD).read_bytes()))

    def is_edited(self) -> bool:
        """Return whether somebody has edited its sources, in a shell or from outside of one."""
        return self.build.edited or self.has_other_sources()

    def has_other_sources(self) -> bool:
        """Return whether its sources differ from those that were kept, or cannot be compared with them."""
        try:
            return source_states(self.source_directory) != self.sources
        except (OSError, ValueError, FarmError):
            return True

    @contextmanager
    def used(self, *, alone: bool = False) -> Iterator[None]:
        """Keep it from being removed meanwhile, and with `alone` from being used by others.

        Raises the errors `kept-build-in-use`, and `no-kept-build` where it has just been removed.
        """
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise FarmError(f"the kept build {self.name} was removed", code="no-kept-build") from error
        try:
            try:
                fcntl.flock(descriptor, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise FarmError(
                    f"the kept build {self.name} is in use by another command",
                    remedy="Leave its shells, or wait until it has been resumed.",
                    code="kept-build-in-use",
                ) from error
            yield
        finally:
            os.close(descriptor)


@dataclass(frozen=True, slots=True)
class KeptBuilds:
    """The kept builds of one state, below `root`, which only its owner may enter; `budget` is in bytes, in all.

    `say` gets a sentence where edits keep more than that.
    """

    root: Path
    budget: int
    say: Callable[[str], object] = lambda _text: None

    @classmethod
    def open(cls, root: Path, budget: int, say: Callable[[str], object] = lambda _text: None) -> KeptBuilds:
        """Make the directory if it is missing, and remove what killed processes have left in it."""
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        root.chmod(0o700)
        kept = cls(root, budget, say)
        for path in root.iterdir():
            if path.name.startswith((_NEW, _OLD)):
                _remove_unused(path)
        return kept

    def all(self) -> tuple[KeptTree, ...]:
        """Return all kept builds, the newest first."""
        found = []
        for path in self.root.iterdir() if self.root.is_dir() else ():
            if _NAME.fullmatch(path.name):
                with suppress(FileNotFoundError, ValueError, FarmError):  # it is being removed, or of another version
                    found.append(KeptTree(path, KeptBuild.from_dict(json.loads((path / _RECORD).read_bytes()))))
        return tuple(sorted(found, key=lambda tree: (tree.build.kept, _number(tree.path)), reverse=True))

    def find(self, name: str) -> KeptTree | None:
        """Return a kept build by its name, or the newest one of a recipe, or None if none of the recipe is kept.

        Raises the error `no-kept-build` for the name of a kept build (`jq@2`) that is not there.
        """
        found = self.all()
        tree = next((tree for tree in found if name in (tree.name, tree.build.recipe)), None)
        if tree is None and "@" in name:
            raise no_kept_build(name, found)
        return tree

    def add(self, build: KeptBuild, workspace: Path) -> KeptTree:
        """Keep a copy of a workspace in which nothing runs, and make room for it.

        Raises the error `cannot-keep`; then nothing of it remains.
        """
        new = _Unfinished(self.root)
        try:
            copy = new.path / "workspace"
            copy.mkdir(mode=0o700)
            for name in DIRECTORIES:
                _copy(workspace / name, copy / name)
            tree = KeptTree(new.path, build)
            tree.with_sources(source_states(tree.source_directory))
            tree = tree.recorded(replace(build, size=disk_usage(new.path)))
            tree = replace(tree, path=self._named(new.path, build.recipe))
        except FarmError:
            _remove(new.path)
            raise
        except (OSError, subprocess.CalledProcessError) as error:
            _remove(new.path)
            reason = error.stderr.strip() if isinstance(error, subprocess.CalledProcessError) else error
            raise FarmError(
                f"the build cannot be kept in {self.root}: {reason!s:.300}",
                remedy="Make room there.",
                code="cannot-keep",
            ) from error
        finally:
            new.release()
        self.make_room(tree)
        return tree

    def make_room(self, latest: KeptTree) -> tuple[str, ...]:
        """Remove what `latest` takes the place of, then the oldest until all are within the budget.

        Of each recipe stay the newest; everywhere, all that somebody has edited, which `say` gets the names of where it
        is over the budget. Removes neither `latest` nor what is in use; returns the names of what it removed.
        """
        removed, newest, left = [], set[str](), []
        for tree in self.all():
            is_old = tree.build.recipe in newest and tree.path != latest.path
            if is_old and self.remove(tree, edited=False):
                removed.append(tree.name)
            else:
                newest.add(tree.build.recipe)
                left.append(tree)
        total = sum(tree.build.size for tree in left)
        stayed = set[Path]()
        for tree in reversed(left):
            if total <= self.budget or tree.path == latest.path:
                continue
            if self.remove(tree, edited=False):
                total -= tree.build.size
                removed.append(tree.name)
            else:
                stayed.add(tree.path)
        # `remove` has recorded what was edited.
        edited = [tree.name for tree in reversed(self.all()) if tree.build.edited and tree.path in stayed]
        if edited:
            self._say_what_stays(edited, total)
        return tuple(removed)

    def _say_what_stays(self, edited: Sequence[str], total: int) -> None:
        self.say(
            f"kept builds take {human_size(total)}, more than FARM_KEPT_GB allows, as edits are not removed: "
            f"{', '.join(edited)}. `farm patch {edited[0]}` makes a patch of the edits, "
            f"`farm kept --remove {edited[0]}` removes them."
        )

    def forget(self, recipe: str) -> None:
        """Remove the kept builds of a recipe that nobody has edited: it has been built since."""
        for tree in self.all():
            if tree.build.recipe == recipe:
                self.remove(tree, edited=False)

    def used(self, tree: KeptTree) -> None:
        """Record what a tree is after it was used: what it takes on the disk, whether it was edited. Makes room."""
        build = tree.record_now()
        build = replace(build, size=disk_usage(tree.path), edited=tree.has_other_sources())
        self.make_room(tree.recorded(build))

    def remove(self, tree: KeptTree, *, edited: bool = True) -> bool:
        """Remove a kept build; false if it is in use. It is gone at once, and its files soon.

        Without `edited`, one stays whose sources somebody has edited, in a shell or from outside of one.
        """
        lock = take_over(tree.path)
        if lock is None:
            return False
        try:
            if not edited and _is_edited(tree):
                return False
            old = tree.path.with_name(f"{_OLD}{tree.name}-{os.urandom(4).hex()}")
            with suppress(FileNotFoundError):  # another process was faster
                tree.path.rename(old)
                _remove(old)
        finally:
            os.close(lock)
        return True

    def _named(self, unfinished: Path, recipe: str) -> Path:
        """Give a finished directory the next number of its recipe. No number is given twice, whatever was removed."""
        with locked(self.root / _LOCK):
            last = self.root / _NUMBERS / recipe
            numbers = [_number(path) for path in self.root.glob(f"{recipe}@*") if _NAME.fullmatch(path.name)]
            number = max([*numbers, _recorded_number(last)]) + 1
            last.parent.mkdir(mode=0o700, exist_ok=True)
            replace_file(last, f"{number}\n".encode(), mode=0o600)
            path = self.root / f"{recipe}@{number}"
            unfinished.rename(path)
        return path


def no_kept_build(name: str, found: Sequence[KeptTree]) -> FarmError:
    """Return the error of a recipe, or of the name of a kept build, of which nothing is among those that were found."""
    recipe, is_one, _ = name.partition("@")
    message = f"there is no kept build {name}" if is_one else f"no build of {recipe} is kept"
    others = [tree.name for tree in found if tree.build.recipe == recipe]
    if others:
        remedy = f"Name one of these, whose numbers are not versions: {', '.join(reversed(others))}."
    else:
        remedy = f"`farm build {recipe}` keeps one that fails; `farm kept` lists them."
    return FarmError(message, remedy=remedy, code="no-kept-build")


class _Unfinished:
    """A new directory, locked for as long as its maker lives."""

    def __init__(self, root: Path) -> None:
        # A directory that is not locked yet must not be taken for one of a killed process.
        lock = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            take_lock(lock, fcntl.LOCK_SH, root, no_progress)
            self.path = Path(tempfile.mkdtemp(prefix=_NEW, dir=root))
            self._lock = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        finally:
            os.close(lock)

    def release(self) -> None:
        os.close(self._lock)


def _is_edited(tree: KeptTree) -> bool:
    """Return whether somebody has edited the sources of a build that is not in use; it is recorded."""
    with suppress(FileNotFoundError):  # it was removed meanwhile
        build = tree.record_now()
        if not build.edited and tree.has_other_sources():
            tree.recorded(replace(build, edited=True))
            return True
        return build.edited
    return False


def _recorded_number(file: Path) -> int:
    """Return the last number that a recipe's kept builds were given; 0 where that is not recorded."""
    with suppress(FileNotFoundError, ValueError):
        return int(file.read_bytes())
    return 0


def _number(path: Path) -> int:
    return int(path.name.rpartition("@")[2])


def _copy(source: Path, target: Path) -> None:
    # Hard links, holes, owners and times to the nanosecond; a link is copied as a link.
    command = ["cp", "--archive", "--one-file-system", "--", str(source), str(target)]
    subprocess.run(command, check=True, capture_output=True, text=True, errors="replace")


def _remove_unused(path: Path) -> None:
    root = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(root, fcntl.LOCK_EX | fcntl.LOCK_NB)
        lock = take_over(path)
        if lock is not None:
            try:
                _remove(path)
            finally:
                os.close(lock)
    except BlockingIOError:
        pass  # one is being made right now
    finally:
        os.close(root)


def _remove(path: Path) -> None:
    # It copes with paths of any length, which a build can make.
    command = ["rm", "--recursive", "--force", "--one-file-system", "--", str(path)]
    subprocess.run(command, check=False, capture_output=True)
