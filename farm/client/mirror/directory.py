"""A mirror on disk: a directory that any static host can serve, and that can be followed as it is.

`metadata/`, `targets/` and `blobs/` lie as in the repository that it mirrors; `imports/<distribution>/` is the same of
each distribution that its releases take packages of. `mirror.json` says what is there as a whole.
"""

from __future__ import annotations

import errno
import fcntl
import json
import shutil
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from farm.errors import FarmError
from farm.store.blobs import BlobStore
from farm.store.disk_space import full_disk_named
from farm.store.durable_file import replace_file
from farm.store.locks import no_progress, take_lock
from farm.trust.layout import BLOBS, IMPORTS, METADATA, TARGETS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.store.locks import Waiting
    from farm.trust.verification.published_files import PublishedFiles

FORMAT = 1
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)


class MirrorError(FarmError):
    """A directory is no mirror, is one of something else, or cannot be written to."""

    code = "mirror"


@dataclass(frozen=True, slots=True)
class MirrorRecord:
    """What is in a mirror. `held` are what is there as a whole, `promised` those of the state before last, which stay
    for who still reads that: digests of releases, or of imports.

    `channels`, `keep`, `numbers` and `sources` are what was asked for. `files` are what the last state was made of
    besides blobs. `is_swept`: nothing else is there.
    """

    distribution: str
    fingerprint: str
    channels: tuple[str, ...]
    keep: int = 1
    numbers: tuple[int, ...] = ()
    sources: bool = True
    held: tuple[str, ...] = ()
    promised: tuple[str, ...] = ()
    advisories: str = ""
    files: tuple[str, ...] = ()
    is_swept: bool = True

    def to_json(self) -> bytes:
        """Return the JSON that `mirror.json` holds."""
        return (json.dumps({"format": FORMAT, **asdict(self)}, indent=1) + "\n").encode()

    @classmethod
    def from_json(cls, content: bytes) -> MirrorRecord:
        """Read what `to_json` gave. Raises `ValueError`, `TypeError`."""
        form = json.loads(content)
        if form.pop("format", None) != FORMAT:
            raise ValueError("another farm has written it")
        values: dict[str, Any] = {name: tuple(each) if isinstance(each, list) else each for name, each in form.items()}
        return cls(**values)


class MirrorDirectory:
    """One mirrored repository; nothing is changed but under its lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = BlobStore(path / BLOBS)

    def imported(self, distribution: str) -> MirrorDirectory:
        """Return the mirror of another distribution that lies in this one."""
        return MirrorDirectory(self.path / IMPORTS / distribution)

    def keep_imports(self, distributions: set[str]) -> None:
        """Remove what lies here of all other distributions."""
        folder = self.path / IMPORTS
        for path in folder.iterdir() if folder.is_dir() else ():
            if path.name not in distributions:
                shutil.rmtree(path)

    def record(self) -> MirrorRecord | None:
        """Return what is there, None in an empty directory or where there is none. Raises `MirrorError`."""
        try:
            return MirrorRecord.from_json((self.path / "mirror.json").read_bytes())
        except FileNotFoundError:
            if self.path.is_dir() and any(path.name != ".mirror.lock" for path in self.path.iterdir()):
                raise MirrorError(
                    f"{self.path} holds something that is not a mirror", remedy="Name an empty directory, or a new one."
                ) from None
            return None
        except (ValueError, TypeError) as error:
            raise MirrorError(
                f"{self.path}/mirror.json cannot be read: {error}",
                remedy="Remove that file and the directory metadata, and mirror into an empty directory.",
            ) from error

    def write(self, record: MirrorRecord) -> None:
        """Replace the record."""
        replace_file(self.path / "mirror.json", record.to_json())

    @contextmanager
    def locked(self, waiting: Waiting = no_progress) -> Iterator[None]:
        """Keep other mirroring out, and say of which directory it is that it is full or cannot be written to."""
        try:
            with full_disk_named(self.path):
                self.path.mkdir(parents=True, exist_ok=True)
                with (self.path / ".mirror.lock").open("w") as file:
                    take_lock(file, fcntl.LOCK_EX, self.path, waiting)
                    yield
        except OSError as error:
            if error.errno not in _REFUSED:
                raise
            raise MirrorError(
                f"{self.path} cannot be written to: {error.strerror}",
                remedy="Mount it for writing, or name another directory. What it holds can be read as before.",
            ) from error

    def switch(self, files: PublishedFiles, record: MirrorRecord) -> MirrorRecord:
        """Let readers see another state, whose blobs are all there: the timestamp leads to it. Returns the new record.

        A new root comes after the timestamp, as its owner publishes it: that is signed for the root before, too.
        Files of neither this state nor the one before are removed.
        """
        named = {f"{TARGETS}/{path}": content for path, content in files.targets.items()}
        named |= {f"{METADATA}/{name}": content for name, content in files.metadata.items()}
        unnamed = {f"{METADATA}/timestamp.json": files.timestamp}
        unnamed |= {f"{METADATA}/{version}.root.json": root for version, root in sorted(files.roots.items())}
        for name, content in (*named.items(), *unnamed.items()):
            path = self.path / name
            if not path.exists() or path.read_bytes() != content:
                replace_file(path, content)
        changed = replace(record, files=tuple(sorted(named)))
        if changed != record:
            self.write(changed)
            self._remove_others({*named, *unnamed, *record.files})
        return changed

    def _remove_others(self, kept: set[str]) -> None:
        for folder in (METADATA, TARGETS):
            for path in (self.path / folder).rglob("*"):
                if path.is_file() and str(path.relative_to(self.path)) not in kept:
                    path.unlink(missing_ok=True)
        for path in self.path.glob(".mirror.json.*"):  # of one that was killed
            path.unlink(missing_ok=True)
