"""A root directory and its generations: each an installed state, switched by one rename.

`ROOT/packages/<store>` holds the packages, shared with the host's cache by hard links where the file system allows;
`ROOT/.farm/generations/<n>` the links of one state and what it consists of; `ROOT/.farm/current` names the state, and
`ROOT/usr` and `ROOT/etc` lead through it. All links are relative, so a root reads the same from inside and outside.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from farm.errors import FarmError
from farm.trust.repository import replace_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from farm.fileset import Forest

_TOPS = ("usr", "etc")
_ROOT_LINKS = (
    *((top, f".farm/current/{top}") for top in _TOPS),
    *((name, f"usr/{name}") for name in ("bin", "lib", "lib64", "sbin")),
)
_EMPTY_DIRECTORIES = ("dev", "proc", "run", "sys", "tmp", "var")


class RootError(FarmError):
    """A directory cannot be used as a root: it holds something else, or cannot be written."""

    code = "root"


@dataclass(frozen=True, slots=True)
class Generation:
    """One installed state: its number, the release it came from, what was asked for, and all its packages."""

    number: int
    distribution: str
    channel: str
    release: int
    package_set: str
    asked: tuple[str, ...]
    packages: tuple[tuple[str, str], ...]
    """Descriptor digest and store name of each package, sorted by the latter."""

    def to_json(self) -> bytes:
        """Return what `generation.json` holds."""
        form = {
            "format": 1,
            "number": self.number,
            "distribution": self.distribution,
            "channel": self.channel,
            "release": self.release,
            "package-set": self.package_set,
            "asked": list(self.asked),
            "packages": [list(each) for each in self.packages],
        }
        return (json.dumps(form, indent=1) + "\n").encode()

    @classmethod
    def from_json(cls, content: bytes) -> Generation:
        """Read what `to_json` gave; raises `ValueError`, `KeyError`."""
        form = json.loads(content)
        return cls(
            number=form["number"],
            distribution=form["distribution"],
            channel=form["channel"],
            release=form["release"],
            package_set=form["package-set"],
            asked=tuple(form["asked"]),
            packages=tuple((descriptor, store) for descriptor, store in form["packages"]),
        )


class Root:
    """A root directory that farm keeps; it is made on first use."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._own = path / ".farm"

    def current(self) -> Generation | None:
        """Return the installed state, or None for a root that has none. Raises `RootError`."""
        record = self._own / "current" / "generation.json"
        try:
            return Generation.from_json(record.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RootError(
                f"cannot read the generation of {self.path}: {error}", remedy=f"Look at {record}."
            ) from error

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Let nobody else change the root until the end of the block. Raises `RootError` for what is no root of farm's.

        Whoever installs holds it from reading the state to switching it, so that two installs at once both count.
        """
        self._check()
        self._own.mkdir(parents=True, exist_ok=True)
        with (self._own / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def install(self, generation: Generation, forest: Forest, packages: Mapping[str, Path]) -> Generation:
        """Make `generation` (its number is given here) the root's state. Until the last rename nothing has changed.

        `packages` are the unpacked packages by store name. The caller holds `locked`. Raises `RootError`, `OSError`.
        """
        self._prepare()
        for store, unpacked in packages.items():
            self._bring(store, unpacked)
        number = self._next_number()
        state = replace(generation, number=number)
        self._write_generation(state, forest)
        temporary = self._own / f".current.{secrets.token_hex(8)}"
        temporary.symlink_to(f"generations/{number}")
        temporary.replace(self._own / "current")
        return state

    def _check(self) -> None:
        """See that the root is farm's, or empty: what lies here is written to, as root, and no link leads elsewhere."""
        if self.path.exists() and not self._own.exists() and any(self.path.iterdir()):
            found = min(path.name for path in self.path.iterdir())
            raise _not_ours(self.path / found)
        for name, target in _ROOT_LINKS:
            link = self.path / name
            ours = link.is_symlink() and str(link.readlink()) == target
            if not ours and (link.is_symlink() or link.exists()):
                raise _not_ours(link)
        for name in (".farm", "packages", *_EMPTY_DIRECTORIES):
            directory = self.path / name
            if directory.is_symlink() or (directory.exists() and not directory.is_dir()):
                raise _not_ours(directory)

    def _prepare(self) -> None:
        self._check()
        for name, target in _ROOT_LINKS:
            if not (self.path / name).is_symlink():
                (self.path / name).symlink_to(target)
        for name in ("packages", *_EMPTY_DIRECTORIES):
            directory = self.path / name
            if not directory.exists():
                directory.mkdir()
                if name == "tmp":
                    directory.chmod(0o1777)

    def _bring(self, store: str, unpacked: Path) -> None:
        place = self.path / "packages" / store
        if place.exists():
            return
        temporary = self.path / "packages" / f".{store}.{secrets.token_hex(8)}"
        try:
            shutil.copytree(unpacked, temporary, symlinks=True, copy_function=_link_or_copy)
            temporary.rename(place)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _next_number(self) -> int:
        generations = self._own / "generations"
        generations.mkdir(parents=True, exist_ok=True)
        return 1 + max((int(path.name) for path in generations.iterdir() if path.name.isdigit()), default=0)

    def _write_generation(self, state: Generation, forest: Forest) -> None:
        place = self._own / "generations" / str(state.number)
        temporary = place.with_name(f".{state.number}.{secrets.token_hex(8)}")
        try:
            for top in _TOPS:
                (temporary / top).mkdir(parents=True)
            write_forest(temporary, forest, up=len(place.relative_to(self.path).parts))
            replace_file(temporary / "generation.json", state.to_json())
            temporary.rename(place)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def write_forest(directory: Path, forest: Forest, *, up: int) -> None:
    """Write a forest below `directory`, with relative links; `up` is how deep `directory` lies in the root."""
    for path in forest.directories:
        (directory / path).mkdir(parents=True, exist_ok=True)
    for link, target in forest.links:
        depth = up + len(PurePosixPath(link).parent.parts)
        (directory / link).symlink_to("../" * depth + target.removeprefix("/"))


def _link_or_copy(source: str, destination: str) -> str:
    try:
        os.link(source, destination, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, destination, follow_symlinks=False)
    return destination


def _not_ours(path: Path) -> RootError:
    return RootError(f"{path} is there already and is not farm's", remedy="Install into an empty directory of its own.")
