"""The facts of a package: what was found in its files, never typed by hand. A blob of its own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from farm.core.names.bounded_json import load_bounded
from farm.core.names.digest import Digest
from farm.core.names.form import Form, InvalidRecordError
from farm.core.package.elf.details import text, texts
from farm.core.package.elf.facts import ElfFacts
from farm.core.package.python_facts import PythonDistribution
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 2
_READ = (1, FORMAT)
LARGEST_FACTS = 128 << 20
"""The largest size of the canonical JSON, in bytes."""
_MOST_VALUES = 8_000_000


class InvalidFactsError(FarmError):
    """Bytes are not the facts of a package, or not in canonical form."""

    code = "invalid-facts"


class ElfFile(NamedTuple):
    """One ELF file of a package, by its path in it."""

    path: str
    facts: ElfFacts


class Script(NamedTuple):
    """An executable text: its path in the package and the capability that its first line requires.

    `commands` are those that it calls by name, as far as `script_commands` finds them; None where they are unknown: in
    facts of format 1, and for a script that is not a shell script.
    """

    path: str
    interpreter: str
    commands: tuple[str, ...] | None = None


class DanglingLink(NamedTuple):
    """A link of a package that leads to nothing in it: its path and its target."""

    path: str
    target: str


@dataclass(frozen=True, slots=True)
class DebugFile(Form, record="debug file"):
    """A separate debug file (`lib/debug/.build-id/xx/yyyy.debug`): no program or library, whatever its headers say."""

    path: str
    build_id: str
    producers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PkgConfigLibraries(Form, record="libraries of a pkg-config module"):
    """What a module passes to a linker: libraries (`-l`), those for static linking only, and directories (`-L`)."""

    names: tuple[str, ...] = ()
    private: tuple[str, ...] = ()
    directories: tuple[str, ...] = ()


class ModuleVersion(NamedTuple):
    """The versions of another module that are required: `comparison` is as in pc(5), `>=` and the like.

    Where any version matches, comparison and version are empty.
    """

    name: str
    comparison: str
    version: str


_IN_FORMAT_1 = ("name", "version", "requires", "requires-private")


@dataclass(frozen=True, slots=True)
class PkgConfigModule(
    Form,
    record="pkg-config module",
    omitted={"versions", "requires_internal", "provides", "conflicts", "files"},
):
    """A pkg-config module: its name (the file's), version, and the modules that it requires, sorted.

    `libraries` are None in facts of format 1. `versions` are the required versions, of any of the modules, sorted.
    `requires_internal` are further modules, `provides` those that it can replace, `conflicts` those that it cannot be
    used with (without a comparison: in any version), `files` the libraries that `Libs` names by an absolute path. Older
    farms did not record these: where they are empty, nothing is known.
    """

    name: str
    version: str
    requires: tuple[str, ...] = ()
    requires_private: tuple[str, ...] = ()
    libraries: PkgConfigLibraries | None = field(default_factory=PkgConfigLibraries)
    versions: tuple[ModuleVersion, ...] = ()
    requires_internal: tuple[str, ...] = ()
    provides: tuple[ModuleVersion, ...] = ()
    conflicts: tuple[ModuleVersion, ...] = ()
    files: tuple[str, ...] = ()

    @property
    def all_requires(self) -> tuple[str, ...]:
        """The modules that it requires, each once."""
        return tuple(dict.fromkeys((*self.requires, *self.requires_private, *self.requires_internal)))

    def to_dict(self) -> dict[str, Any]:
        """Return the module as plain values for canonical JSON; format 1 has its name, version and requirements."""
        form = super(PkgConfigModule, self).to_dict()  # a slotted dataclass has no plain super()
        return form if self.libraries is not None else {key: form[key] for key in _IN_FORMAT_1}


@dataclass(frozen=True, slots=True)
class PackageFacts(Form, record="document of facts"):
    """Facts found in the files of one package, each tuple sorted; `farm.core.package.gather` finds them.

    `elf`: every loadable ELF file. `commands`: the commands in `bin` and `sbin`, links included. `scripts`: executable
    texts. `headers` and `static_libraries`: paths whose code other builds may copy. `debug`: separate debug files. What
    facts of format 1 lack is None: a proof must not treat it as examined.
    """

    elf: tuple[ElfFile, ...] = ()
    commands: tuple[str, ...] = ()
    scripts: tuple[Script, ...] = ()
    pkg_config: tuple[PkgConfigModule, ...] = ()
    headers: tuple[str, ...] = ()
    static_libraries: tuple[str, ...] = ()
    dangling: tuple[DanglingLink, ...] | None = ()
    python: tuple[PythonDistribution, ...] | None = ()
    debug: tuple[DebugFile, ...] | None = ()

    @property
    def format(self) -> int:
        """Their format: as they were read, and the newest where they were gathered."""
        return 1 if self.dangling is None else FORMAT

    def to_dict(self) -> dict[str, Any]:
        """Return the facts as plain values for canonical JSON."""
        document: dict[str, Any] = {
            "format": self.format,
            "elf": [{"path": path, **facts.to_dict()} for path, facts in self.elf],
            "commands": self.commands,
            "scripts": [script[:2] for script in self.scripts],
            "pkg-config": [module.to_dict() for module in self.pkg_config],
            "headers": self.headers,
            "static-libraries": self.static_libraries,
        }
        if self.dangling is not None:
            document["scripts"] = self.scripts
            document["dangling"] = self.dangling
            document["python"] = [distribution.to_dict() for distribution in self.python or ()]
            document["debug"] = [file.to_dict() for file in self.debug or ()]
        return document

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> PackageFacts:
        """Read the result of `to_dict`. Raises `InvalidFactsError` for anything else."""
        try:
            if type(value["format"]) is not int or value["format"] not in _READ:
                raise InvalidFactsError(
                    f"these facts have format {value['format']!r:.100}, this farm reads format {FORMAT} and before",
                    remedy="Upgrade the farm.",
                )
            old = value["format"] == 1
            facts = cls(
                elf=tuple(ElfFile(text(item["path"]), ElfFacts.from_dict(item, old=old)) for item in value["elf"]),
                commands=texts(value["commands"]),
                scripts=tuple(_script(*item) for item in value["scripts"]),
                pkg_config=tuple(
                    PkgConfigModule.from_dict(item | {"libraries": None} if old else item)
                    for item in value["pkg-config"]
                ),
                headers=texts(value["headers"]),
                static_libraries=texts(value["static-libraries"]),
            )
            if old:
                return replace(facts, dangling=None, python=None, debug=None)
            return replace(
                facts,
                dangling=tuple(DanglingLink(text(path), text(target)) for path, target in value["dangling"]),
                python=tuple(map(PythonDistribution.from_dict, value["python"])),
                debug=tuple(map(DebugFile.from_dict, value["debug"])),
            )
        except (KeyError, TypeError, ValueError, AttributeError, InvalidRecordError) as error:
            raise InvalidFactsError(f"these are not facts of a package: {error!r:.200}") from error

    @classmethod
    def from_json(cls, data: bytes) -> PackageFacts:
        """Read canonical JSON; refuses what does not encode to the very same bytes, or is too large.

        Raises `InvalidFactsError`.
        """
        load = partial(load_bounded, largest=LARGEST_FACTS, values=_MOST_VALUES)
        return cls.read_json(data, InvalidFactsError, canonical=True, load=load)

    @property
    def digest(self) -> Digest:
        """The digest of the canonical JSON, by which the descriptor names the facts."""
        return Digest.of(self.to_json())


def _script(path: Any, interpreter: Any, commands: Any = None) -> Script:
    return Script(text(path), text(interpreter), None if commands is None else texts(commands))
