"""Where the attempts of a host have their directories, and by what the containers of one farm there are known.

Several farms may share one Docker Engine, and one directory of attempts: nothing of another's is anybody's business.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LABEL_OWNER = "farm.owner"
"""The farm whose container it is. Containers of farm's first versions have none, and are nobody's to remove."""
LABEL_ATTEMPTS = "farm.attempts"
"""The identity of the directory below which the attempt has its own."""
LABEL_LEASE = "farm.lease"
"""The attempt's name, which is that of its directory."""
IDENTITY = ".identity"
"""The file that holds the identity. A path could mean another directory to another process; this is in it."""


@dataclass(frozen=True, slots=True)
class AttemptsRoot:
    """The directory `path`, as used by the farm `owner`: its directory or address. `identity` is the directory's."""

    path: Path
    owner: str
    identity: str

    @classmethod
    def open(cls, path: Path, owner: str) -> AttemptsRoot:
        """Make the directory and its identity where they are missing. Raises `OSError`."""
        path.mkdir(parents=True, exist_ok=True)
        file = path / IDENTITY
        if not file.exists():
            _make_identity(file)
        return cls(path, owner, file.read_text().strip())

    @property
    def labels(self) -> dict[str, str]:
        """What every container of this farm's attempts here is labelled with."""
        return {LABEL_OWNER: self.owner, LABEL_ATTEMPTS: self.identity}


def _make_identity(file: Path) -> None:
    """Write the file whole or not at all; of several at once, the first one's counts."""
    with tempfile.NamedTemporaryFile("w", prefix=f"{IDENTITY}-", dir=file.parent) as writing:
        writing.write(f"{secrets.token_hex(16)}\n")
        writing.flush()
        with suppress(FileExistsError):
            os.link(writing.name, file)
