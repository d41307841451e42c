"""A root directory and its generations: each is an installed state, switched by one rename.

`ROOT/packages/<store>` holds the packages, shared with the host's cache by hard links where the file system allows;
`ROOT/.farm/generations/<n>` holds the links of one state and its record; `ROOT/.farm/current` links to the current
state, and `ROOT/usr` and `ROOT/etc` lead through that link. All links are relative, so a root reads the same from
inside and outside.

Everything is created under a name that begins with a dot and gets its final name by one rename; everything is removed
by a rename to such a name first. So a killed process leaves whole states and dotted names, which the next process that
locks the root removes.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import shutil
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from farm.client.root.generation import Generation
from farm.core.names.root_places import ROOT_LINKS
from farm.errors import FarmError
from farm.store.blobs import names_in
from farm.store.disk_space import full_disk_named
from farm.store.durable_file import replace_file, sync_folder
from farm.store.flush import flush_file_system
from farm.store.locks import no_progress, take_lock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from farm.core.fileset.forest import Forest
    from farm.core.sets.members.set_record import SetRecord
    from farm.store.locks import Waiting

_TOPS = ("usr", "etc")
TOP_LINKS = (*((top, f".farm/current/{top}") for top in _TOPS), *ROOT_LINKS)
"""The links at the top of a root, with their targets."""
_MADE = ".made"
"""The name of the link to a state from before the state exists until the link becomes `current`."""
_NEW_DISK = "lost+found"
_NAME_A_ROOT = "Name the directory given to `farm install --root`."
_EMPTY_DIRECTORIES = ("dev", "proc", "run", "sys", "tmp", "var")


class RootError(FarmError):
    """A directory cannot be used as a root: it holds something else, or cannot be written to."""

    code = "root"


class Root:
    """A root directory that farm manages; it is made on first use."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._own = path / ".farm"

    def current(self) -> Generation | None:
        """Return the installed state, or None for a root that has none. Raises `RootError`."""
        return self._read(self._own / "current" / "generation.json")

    def installed(self) -> Generation:
        """Return the installed state. Raises `RootError`, also for a root that has none."""
        state = self.current()
        if state is None:
            raise RootError(f"nothing is installed in {self.path}", remedy=_NAME_A_ROOT)
        return state

    def generations(self) -> tuple[Generation, ...]:
        """Return every stored state, by number. Raises `RootError`."""
        found = (self._read(self._place(number) / "generation.json") for number in self._numbers())
        return tuple(filter(None, found))

    def generation(self, number: int) -> Generation:
        """Return one stored state. Raises `no-such-generation`, `RootError`."""
        state = self._read(self._place(number) / "generation.json")
        if state is None:
            raise FarmError(
                f"{self.path} has no generation {number}; there are {self._there()}",
                remedy="See `farm list --root` with --generations.",
                code="no-such-generation",
            )
        return state

    @contextlib.contextmanager
    def locked(self, *, make: bool = True, waiting: Waiting = no_progress) -> Iterator[None]:
        """Keep others from changing the root until the end of the block.

        An install holds the lock from reading the state to switching it, so that two installs at once both take effect.
        First removes what a killed process has left behind. Without `make`, a root that does not exist is not made.
        Raises `RootError` for a directory that is not a root of farm, and for one that cannot be written to.
        """
        if not make and not self._own.is_dir():
            raise RootError(f"nothing is installed in {self.path}", remedy=_NAME_A_ROOT)
        self.check()
        with contextlib.ExitStack() as held:
            with _writable(self.path):
                self._own.mkdir(parents=True, exist_ok=True)
                lock = held.enter_context((self._own / "lock").open("w"))
                take_lock(lock, fcntl.LOCK_EX, self.path, waiting)
                self._clean()
            yield

    def install(self, generation: Generation, forest: Forest, packages: Mapping[str, Path]) -> Generation:
        """Make `generation` (its number is assigned here) the root's state. Until the last rename nothing has changed.

        `packages` are the unpacked packages by store name. The caller holds `locked`. Raises `RootError`, `OSError`.
        """
        with full_disk_named(self.path):
            self._prepare()
            for store, unpacked in packages.items():
                self._bring(store, unpacked)
            state = replace(generation, number=max(self._numbers(), default=0) + 1)
            switch = self._link_to(state.number, _MADE)
            self._write_generation(state, forest)
            flush_file_system(self.path)
            self._switch(switch)
        return state

    def confirm(self, state: Generation, record: SetRecord) -> Generation:
        """Record that a state also matches other releases, which hold the very same packages.

        Such a release makes no new state: a rollback by one step must lead to a different state. The caller holds
        `locked`.
        """
        confirmed = replace(state, set=record)
        replace_file(self._place(state.number) / "generation.json", confirmed.to_json())
        return confirmed

    def roll_back(self, number: int) -> Generation:
        """Make a stored state the current one. The caller holds `locked`.

        Raises `no-such-generation`, and `RootError` when packages of it are missing.
        """
        state = self.generation(number)
        if missing := self.lacks(state):
            raise RootError(
                f"generation {number} of {self.path} is incomplete, missing packages: {', '.join(missing)}",
                remedy="Nothing was changed. Choose another generation, or install the packages again.",
            )
        self._switch(self._link_to(number, ".current"))
        return state

    def links(self, state: Generation) -> Path:
        """Return the directory with the links of a stored state."""
        return self._place(state.number)

    def lacks(self, state: Generation) -> tuple[str, ...]:
        """Return the package directories that a state needs and that do not exist."""
        return tuple(package.store for package in state.set.packages if not self.package(package.store).is_dir())

    def remove(self, number: int) -> None:
        """Remove a state that is not the current one; its packages stay. The caller holds `locked`."""
        _remove(self._place(number))

    def stores(self) -> tuple[str, ...]:
        """Return the names of the packages' directories, sorted."""
        return tuple(sorted(name for name in names_in(self.path / "packages") if not name.startswith(".")))

    def remove_package(self, store: str) -> None:
        """Remove a package that no state needs. The caller holds `locked`."""
        _remove(self.package(store))

    def replace_package(self, store: str, unpacked: Path) -> None:
        """Replace the directory of a package. The caller holds `locked`. Raises `OSError`."""
        place = self.package(store)
        with _temporary(place) as new, _temporary(place) as old:
            _link_tree(str(unpacked), str(new))
            if os.path.lexists(place):
                place.rename(old)
            new.rename(place)
            flush_file_system(self.path)

    def package(self, store: str) -> Path:
        """Return the directory of a package, whether or not it exists."""
        return self.path / "packages" / store

    def _place(self, number: int) -> Path:
        return self._own / "generations" / str(number)

    def _numbers(self) -> list[int]:
        return sorted(int(name) for name in names_in(self._own / "generations") if name.isdigit())

    def _read(self, record: Path) -> Generation | None:
        try:
            return Generation.from_json(record.read_bytes())
        except FileNotFoundError:
            return None
        except NotADirectoryError as error:
            raise RootError(f"{self.path} is not a directory", remedy="Name another with --root.") from error
        except (OSError, FarmError) as error:
            why = error.message if isinstance(error, FarmError) else str(error)
            raise RootError(
                f"cannot read the generation of {self.path}: {why}",
                remedy=f"Look at {record}, or go to another: `farm rollback --root` with a number. "
                f"There are {self._there()}.",
            ) from error

    def _there(self) -> str:
        return ", ".join(map(str, self._numbers())) or "none"

    def _link_to(self, number: int, name: str) -> Path:
        link = self._own / f"{name}.{secrets.token_hex(8)}"
        link.symlink_to(f"generations/{number}")
        return link

    def _switch(self, link: Path) -> None:
        link.replace(self._own / "current")
        sync_folder(self._own)

    def _clean(self) -> None:
        """Remove what killed processes have left: only the holder of the lock makes names that begin with a dot.

        That includes a state that was made and never became the current one.
        """
        for link in self._own.glob(f"{_MADE}.*"):
            number = int(link.readlink().name)
            if number in self._numbers() and link.resolve() != (self._own / "current").resolve():
                _remove(self._place(number))
        states = [self._place(number) for number in self._numbers()]
        for directory in (self._own, self._own / "generations", self.path / "packages", *states):
            for name in names_in(directory):
                if name.startswith("."):
                    _discard(directory / name)

    def check(self) -> None:
        """Check that the root is farm's, or empty: it is written to, as root, so no link in it may lead elsewhere.

        Raises `RootError`.
        """
        # The directory is listed once: another client may be making them.
        found = sorted(set(names_in(self.path)) - {_NEW_DISK})
        if found and ".farm" not in found:
            raise _not_ours(self.path / found[0])
        for name, target in TOP_LINKS:
            link = self.path / name
            if name in found and not (link.is_symlink() and str(link.readlink()) == target):
                raise _not_ours(link)
        for name in (".farm", "packages", *_EMPTY_DIRECTORIES):
            directory = self.path / name
            if directory.is_symlink() or (directory.exists() and not directory.is_dir()):
                raise _not_ours(directory)

    def _prepare(self) -> None:
        self.check()
        for name, target in TOP_LINKS:
            if not (self.path / name).is_symlink():
                (self.path / name).symlink_to(target)
        for name in ("packages", *_EMPTY_DIRECTORIES):
            directory = self.path / name
            if not directory.exists():
                directory.mkdir()
                if name == "tmp":
                    directory.chmod(0o1777)

    def _bring(self, store: str, unpacked: Path) -> None:
        place = self.package(store)
        if place.exists():
            return
        with _temporary(place) as new:
            _link_tree(str(unpacked), str(new))
            new.rename(place)

    def _write_generation(self, state: Generation, forest: Forest) -> None:
        place = self._place(state.number)
        with _temporary(place) as new:
            for top in _TOPS:
                (new / top).mkdir(parents=True)
            write_forest(new, forest, up=len(place.relative_to(self.path).parts))
            replace_file(new / "generation.json", state.to_json())
            new.rename(place)


def write_forest(directory: Path, forest: Forest, *, up: int) -> None:
    """Write a forest below `directory`, with relative links; `up` is the depth of `directory` in the root."""
    for path in forest.directories:
        (directory / path).mkdir(parents=True, exist_ok=True)
    for link, target in forest.links:
        depth = up + len(PurePosixPath(link).parent.parts)
        (directory / link).symlink_to("../" * depth + target.removeprefix("/"))


def _link_tree(source: str, destination: str) -> None:
    """Make a directory whose files are those of another: hard links where the file system allows, else copies."""
    os.mkdir(destination, 0o755)  # noqa: PTH102  # paths as text: this is done for every file of a package
    with os.scandir(source) as entries:
        for entry in entries:
            place = f"{destination}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                _link_tree(entry.path, place)
            else:
                _link_or_copy(entry.path, place)
    shutil.copystat(source, destination)


def _link_or_copy(source: str, destination: str) -> None:
    try:
        os.link(source, destination, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, destination, follow_symlinks=False)


def _remove(place: Path) -> None:
    """Rename a directory away, then remove it, so that nobody sees half of it under its name."""
    with _temporary(place) as temporary:
        place.rename(temporary)


@contextlib.contextmanager
def _temporary(place: Path) -> Iterator[Path]:
    """Yield a name beside a place that begins with a dot; what is there at the end is removed."""
    temporary = place.with_name(f".{place.name[:200]}.{secrets.token_hex(8)}")
    try:
        yield temporary
    finally:
        _discard(temporary)


def _discard(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
    else:
        shutil.rmtree(path)


@contextlib.contextmanager
def _writable(path: Path) -> Iterator[None]:
    """Raise `RootError` for a file system that cannot be written to."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise
        raise RootError(
            f"cannot write to {path}: {os.strerror(error.errno)}",
            remedy="Make it writable, or name another with --root. What is installed there goes on working.",
        ) from error


def _not_ours(path: Path) -> RootError:
    return RootError(f"{path} already exists and was not made by farm", remedy="Install into an empty directory.")
