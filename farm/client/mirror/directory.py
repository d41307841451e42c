"""A mirror on disk: a directory that any static web server can serve, and that can be subscribed to directly.

`metadata/`, `targets/` and `blobs/` are laid out as in the mirrored repository; `imports/<distribution>/` has the same
layout for each distribution that its releases import from. `mirror.json` records what is complete.
"""

from __future__ import annotations

import errno
import fcntl
import json
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from farm.core.names.form import Form, InvalidRecordError
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
    """A directory is not a mirror, mirrors something else, or cannot be written to."""

    code = "mirror"


@dataclass(frozen=True, slots=True)
class MirrorRecord(Form, record="mirror record", keys={"is_swept": "is_swept"}, constants={"format": FORMAT}):
    """The content of a mirror.

    `held` are the complete parts, `promised` those of the last state, which stay through the next run for clients that
    still read it: digests of releases, or of imports. `channels`, `keep`, `numbers` and `sources` are what was
    requested. `files` are the files of the last state other than blobs. `is_swept`: the mirror holds nothing else.
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
        return (json.dumps(self.to_dict(), indent=1) + "\n").encode()


class MirrorDirectory:
    """One mirrored repository; it is changed only under its lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = BlobStore(path / BLOBS)

    def imported(self, distribution: str) -> MirrorDirectory:
        """Return the mirror of another distribution inside this one."""
        return MirrorDirectory(self.path / IMPORTS / distribution)

    def keep_imports(self, distributions: set[str]) -> None:
        """Remove the mirrors of all distributions but these."""
        folder = self.path / IMPORTS
        for path in folder.iterdir() if folder.is_dir() else ():
            if path.name not in distributions:
                shutil.rmtree(path)

    def record(self) -> MirrorRecord | None:
        """Return the record; None where the directory is empty or missing. Raises `MirrorError`."""
        try:
            return MirrorRecord.from_dict(json.loads((self.path / "mirror.json").read_bytes()))
        except FileNotFoundError:
            if self.path.is_dir() and any(path.name != ".mirror.lock" for path in self.path.iterdir()):
                raise MirrorError(
                    f"{self.path} holds something that is not a mirror", remedy="Name an empty directory, or a new one."
                ) from None
            return None
        except (ValueError, InvalidRecordError) as error:
            raise MirrorError(
                f"{self.path}/mirror.json cannot be read: {error}",
                remedy="Remove that file and the directory metadata, and mirror into an empty directory.",
            ) from error

    def write(self, record: MirrorRecord) -> None:
        """Replace the record."""
        replace_file(self.path / "mirror.json", record.to_json())

    @contextmanager
    def locked(self, waiting: Waiting = no_progress) -> Iterator[None]:
        """Keep other mirroring processes out; errors for a full or read-only disk name the directory."""
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
        """Switch readers to another state, whose blobs are all there, by writing its timestamp. Returns the new record.

        A new root is written after the timestamp, as its owner publishes it: the timestamp is valid for the previous
        root, too. Files that belong to neither this state nor the previous one are removed.
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
        for path in self.path.glob(".mirror.json.*"):  # of a killed process
            path.unlink(missing_ok=True)
