"""The facts of a package: what was found by looking at its files, never typed by hand. A blob of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from farm.errors import FarmError
from farm.names import Digest, canonical_json, load_bounded
from farm.package.elf_facts import ElfFacts, text, texts

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 1
LARGEST_FACTS = 128 << 20
"""Bytes of the canonical JSON."""
_MOST_VALUES = 8_000_000


class InvalidFactsError(FarmError):
    """Bytes that should be the facts of a package are not, or not in canonical form."""

    code = "invalid-facts"


class ElfFile(NamedTuple):
    """One ELF file of a package, by its path in it."""

    path: str
    facts: ElfFacts


class Script(NamedTuple):
    """An executable text: its path in the package and the capability that its first line asks for."""

    path: str
    interpreter: str


@dataclass(frozen=True, slots=True)
class PkgConfigModule:
    """A pkg-config module: its name (the file's), version, and the modules that it names, sorted."""

    name: str
    version: str
    requires: tuple[str, ...] = ()
    requires_private: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the module as plain values for canonical JSON."""
        return {
            "name": self.name,
            "version": self.version,
            "requires": self.requires,
            "requires-private": self.requires_private,
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> PkgConfigModule:
        """Read what `to_dict` wrote; `KeyError` or `TypeError` when it is something else."""
        return cls(
            text(value["name"]), text(value["version"]), texts(value["requires"]), texts(value["requires-private"])
        )


@dataclass(frozen=True, slots=True)
class PackageFacts:
    """Facts found in the files of one package, each tuple sorted; `farm.package.gather` finds them.

    `elf`: every loadable ELF file. `commands`: what `bin` and `sbin` offer, links included. `scripts`: executable
    texts. `headers` and `static_libraries`: paths of what other builds may copy into theirs.
    """

    elf: tuple[ElfFile, ...] = ()
    commands: tuple[str, ...] = ()
    scripts: tuple[Script, ...] = ()
    pkg_config: tuple[PkgConfigModule, ...] = ()
    headers: tuple[str, ...] = ()
    static_libraries: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the facts as plain values for canonical JSON."""
        return {
            "format": FORMAT,
            "elf": [{"path": path, **facts.to_dict()} for path, facts in self.elf],
            "commands": self.commands,
            "scripts": self.scripts,
            "pkg-config": [module.to_dict() for module in self.pkg_config],
            "headers": self.headers,
            "static-libraries": self.static_libraries,
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> PackageFacts:
        """Read what `to_dict` wrote. Raises `InvalidFactsError` when it has another shape."""
        try:
            if value["format"] != FORMAT:
                raise InvalidFactsError(
                    f"these facts have format {value['format']!r:.100}, this farm reads format {FORMAT}",
                    remedy="Upgrade the farm.",
                )
            return cls(
                elf=tuple(ElfFile(text(item["path"]), ElfFacts.from_dict(item)) for item in value["elf"]),
                commands=texts(value["commands"]),
                scripts=tuple(Script(text(path), text(interpreter)) for path, interpreter in value["scripts"]),
                pkg_config=tuple(map(PkgConfigModule.from_dict, value["pkg-config"])),
                headers=texts(value["headers"]),
                static_libraries=texts(value["static-libraries"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidFactsError(f"these are not facts of a package: {error!r:.200}") from error

    def to_json(self) -> bytes:
        """Return the canonical JSON (RFC 8785): the content of the facts blob."""
        return canonical_json(self.to_dict())

    @classmethod
    def from_json(cls, data: bytes) -> PackageFacts:
        """Read canonical JSON; refuses what does not encode to the very same bytes, or is too large.

        Raises `InvalidFactsError`.
        """
        try:
            facts = cls.from_dict(load_bounded(data, largest=LARGEST_FACTS, values=_MOST_VALUES))
            canonical = facts.to_json()
        except InvalidFactsError:
            raise
        except (FarmError, ValueError, TypeError, RecursionError) as error:
            raise InvalidFactsError(f"these are not facts of a package: {error!r:.200}") from error
        if canonical != data:
            raise InvalidFactsError("these facts are not in canonical form")
        return facts

    @property
    def digest(self) -> Digest:
        """The digest of the canonical JSON, by which the descriptor names the facts."""
        return Digest.of(self.to_json())
