"""The results of mutations, stored between runs: in a file that git ignores, one line for each."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FILE = ".mutations.jsonl"


@dataclass(frozen=True, slots=True)
class MutationVerdict:
    """`killed_by` is the test that failed, empty for a survivor. `basis` identifies what was run, see `basis_of`."""

    name: str
    basis: str
    killed_by: str
    seconds: float


class Verdicts:
    """The verdicts of a tree."""

    def __init__(self, root: Path) -> None:
        self._path = root / FILE
        lines = self._path.read_text(encoding="utf-8").splitlines() if self._path.exists() else []
        self._known = {
            (found.name, found.basis): found for found in (MutationVerdict(**json.loads(line)) for line in lines)
        }

    def known(self, name: str, basis: str) -> MutationVerdict | None:
        """Return the result of this mutation, by these tests."""
        return self._known.get((name, basis))

    def keep(self, verdict: MutationVerdict) -> None:
        """Store one; it replaces that of an earlier run."""
        self._known[verdict.name, verdict.basis] = verdict
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(verdict)) + "\n")


def basis_of(root: Path, changed: str, tests: Sequence[str]) -> str:
    """Return the digest of a changed module and of its tests. Other changes are not noticed: `--again`."""
    digest = hashlib.sha256(changed.encode())
    for place in tests:
        path = root / place
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(f"\0{file.relative_to(root)}\0".encode() + file.read_bytes())
    return digest.hexdigest()
