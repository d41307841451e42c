"""Toolchains as data: the requested packages, and the locked list of Debian packages that they resolve to.

Only values and the text form of a lock; `farm.build.toolchain` resolves and fetches.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from farm.core.files import values
from farm.core.files.fields import Fields
from farm.core.files.problems import quoted
from farm.core.names.digest import Digest, InvalidDigestError
from farm.errors import FarmError, Place

if TYPE_CHECKING:
    from farm.core.files.document import Observe


class InvalidLockError(FarmError):
    """A line of a toolchain's lock is not what `farm toolchain lock` writes."""

    code = "invalid-toolchain-lock"

    def __init__(self, message: str, place: Place) -> None:
        name = place.file.rpartition("/")[2].removesuffix(".lock")
        super().__init__(message, remedy=f"Write it again with `farm toolchain lock {name}`.", place=place)


@dataclass(frozen=True, slots=True)
class ToolchainDefinition:
    """`recipes/toolchains/<name>.yaml`.

    `packages` are requested by name in the Debian suite `suite` (recommended packages are not installed). `excludes`
    are dpkg path-exclude patterns (`/usr/share/man/*`); `removes` are globs of files to delete after installation,
    relative to the root (`var/log/*`). `runtime` are the distribution's own packages that programs built in it need to
    run (C library, compiler's libraries): recipes do not name them, so they are added to the requirements of a package.
    """

    name: str
    suite: str
    packages: tuple[str, ...]
    excludes: tuple[str, ...] = ()
    removes: tuple[str, ...] = ()
    runtime: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class LockedDeb:
    """One Debian binary package, pinned. `size` in bytes; `filename` is its path in the archive's pool."""

    name: str
    version: str
    architecture: str
    digest: Digest
    size: int
    filename: str

    @property
    def reference(self) -> str:
        """The form in which apt names exactly this package: `libc6:amd64=2.41-12+deb13u5`."""
        return f"{self.name}:{self.architecture}={self.version}"

    def line(self) -> str:
        """Return its line in a lock."""
        return f"{self.name} {self.version} {self.architecture} {self.digest.hex} {self.size} {self.filename}\n"


@dataclass(frozen=True)
class ToolchainLock:
    """`recipes/toolchains/<name>.lock`: every package of the toolchain, one on each line, sorted by name."""

    name: str
    debs: tuple[LockedDeb, ...]

    @classmethod
    def from_text(cls, text: bytes, *, name: str, file: str) -> ToolchainLock:
        """Read a lock; errors name `file`. Raises `InvalidLockError`."""
        debs = []
        for number, line in enumerate(text.decode("ascii", "replace").splitlines(), 1):
            place = Place(file, number, 1)
            debs.append(_read_line(line, place))
            if len(debs) > 1 and debs[-2].name >= debs[-1].name:
                raise InvalidLockError(f"{debs[-1].name} is out of order or there twice", place)
        if not debs:
            raise InvalidLockError("the lock names no package", Place(file))
        return cls(name, tuple(debs))

    def to_text(self) -> bytes:
        """Return the text form, which `from_text` reads."""
        return "".join(deb.line() for deb in sorted(self.debs)).encode("ascii")

    @cached_property
    def digest(self) -> Digest:
        """The digest of the text form."""
        return Digest.of(self.to_text())


def _read_line(line: str, place: Place) -> LockedDeb:
    fields = line.split(" ")
    if len(fields) != 6 or not all(fields):
        raise InvalidLockError("a line has six fields: name version architecture sha256 size filename", place)
    name, version, architecture, sha256, size, filename = fields
    if not size.isdecimal() or len(size) > 12:
        raise InvalidLockError(f"{name}: {quoted(size)} is not a size in bytes", place)
    try:
        return LockedDeb(name, version, architecture, Digest.from_hex(sha256), int(size), filename)
    except InvalidDigestError as error:
        raise InvalidLockError(f"{name}: {error}", place) from error


def read_toolchain(text: bytes, file: str, *, observe: Observe | None = None) -> ToolchainDefinition:
    """Read a toolchain's definition; its name is that of its file. Raises `RecipeError`."""
    known = ("suite", "packages", "excludes", "removes", "runtime")
    fields = Fields.of_file(text, file, "a toolchain", known=known, required=("suite", "packages"), observe=observe)
    return fields.document.finished(
        ToolchainDefinition(
            name=values.word(file.rpartition("/")[2].removesuffix(".yaml")),
            suite=fields.parsed("suite", values.word) or "",
            packages=fields.unique("packages", values.word),
            excludes=fields.texts("excludes"),
            removes=fields.unique("removes", values.package_path),
            runtime=fields.unique("runtime", values.short_name),
        )
    )
