"""A person's own names for keys: those of their .pub files.

A draft has no names, since its author could give a key the name of another person. For the same reason keys are
compared by their content, not by their ids.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from farm.trust.keys.key_files import KeyFileError, load_public_key
from farm.trust.metadata.delegation import identity_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from securesystemslib.signer import Key

_DEEP = ("*.pub", "*/*.pub", "*/*/*.pub")


@dataclass(frozen=True, slots=True)
class KeyNames:
    """Names by the identity of keys."""

    names: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def beneath(cls, folders: Iterable[Path]) -> KeyNames:
        """Read the .pub files in directories, down to two levels below; raises `KeyFileError` if there is none."""
        names: dict[str, str] = {}
        for folder in folders:
            files = [path for deep in _DEEP for path in sorted(folder.glob(deep))]
            if not files:
                raise KeyFileError(folder, "there are no .pub files in it", "Name a folder with .pub files in it.")
            for path in files:
                try:
                    key = load_public_key(path)
                except KeyFileError:
                    continue  # other programs have .pub files too
                names.setdefault(identity_of(key), str(path.relative_to(folder).with_suffix("")))
        return cls(names)

    def of(self, key: Key | None) -> str:
        """Return the name of a key, or an empty text."""
        return self.names.get(identity_of(key), "") if key else ""

    def beside(self, key: Key | None, text: str) -> str:
        """Return `text` followed by the key's name, if it has one."""
        name = self.of(key)
        return f"{text} {name}" if name else text
