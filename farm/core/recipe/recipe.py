"""The checked recipe as plain values; `farm.core.recipe.load` makes them from text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from farm.core.names.declared import HostNeeds, Output, Plugin, SensitiveFile
from farm.core.names.form import Form

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.core.names.declared import HardeningWaiver
    from farm.core.names.digest import Digest
    from farm.core.names.version import Version
    from farm.core.recipe.flags import FlagVariable

# 2024-01-01T00:00:00Z: any fixed time works; builds see it as SOURCE_DATE_EPOCH.
DEFAULT_SOURCE_EPOCH = 1704067200
SOURCE_DIRECTORY = "/build/src"
SOURCES_DIRECTORY = "/sources"

OriginKind: TypeAlias = Literal["debian", "pypi", "url"]


@dataclass(frozen=True, slots=True)
class Origin(Form, record="origin"):
    """Another place that may have the bytes of a source.

    `kind` is `debian` (reference: a source package, `jq` or `jq=1.7.1-6`), `pypi` (`name==version`) or `url`.
    """

    kind: OriginKind
    reference: str


@dataclass(frozen=True, slots=True)
class Source:
    """One file that a build starts from, at `/sources/<file>` in the container.

    Exactly one of three kinds: fetched (`url` and `digest`), beside the recipe (`digest`, no `url`), or a package of
    the toolchain's lock (`debian_package`, and `digest` is None until a plan pins it). `unpack`: the archive is
    unpacked first; the first one to `/build/src`. `patch`: applied there with `patch -p1`.
    """

    file: str
    digest: Digest | None
    url: str = ""
    origins: tuple[Origin, ...] = ()
    unpack: bool = True
    patch: bool = False
    debian_package: str = ""


@dataclass(frozen=True, slots=True)
class CarriedSource:
    """A file of the source that Debian built packages of the toolchain from, published with what is made from these.

    `of` are the sources of the recipe (`libc6.deb`) whose source it is. No build starts from it.
    """

    file: str
    digest: Digest
    url: str
    origins: tuple[Origin, ...]
    of: tuple[str, ...]


_TITLES: Mapping[str, str] = {"licence": "license"}


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a build, ready to run: constant shell text, its `"$@"`, and the variables it adds.

    `line` is where the recipe names it; 0 for automatic steps, and for those of a plan that was stored: no plan has it.
    """

    name: str
    script: str
    arguments: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    line: int = field(default=0, compare=False)

    @property
    def title(self) -> str:
        """Its name for people. Plans, whose digests must not change, keep the former spelling `licence`."""
        definition, colon, run = self.name.partition(":")
        return f"{_TITLES.get(definition, definition)}{colon}{run}"

    def to_dict(self) -> dict[str, Any]:
        """Return the step as plain values for canonical JSON."""
        return {
            "name": self.name,
            "script": self.script,
            "arguments": list(self.arguments),
            "environment": dict(self.environment),
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Step:
        """Read the result of `to_dict`; raises `KeyError` or `TypeError` for anything else."""
        environment = tuple(sorted((str(key), str(text)) for key, text in value["environment"].items()))
        return cls(str(value["name"]), str(value["script"]), tuple(value["arguments"]), environment)


@dataclass(frozen=True, slots=True)
class Test(Form, record="test"):
    """One test of the built packages, run in an image of exactly their closure and `needs`.

    Either `run` (text for `/bin/sh -eu`, so `needs` names a shell) or `command` (an argument vector). `exit` is the
    expected status, `prints` the expected standard output without white space around it, `matches` a regular
    expression (Python's) to be found in it.
    """

    __test__ = False  # pytest would collect it for its name

    name: str
    run: str = ""
    command: tuple[str, ...] = ()
    prints: str | None = None
    matches: str | None = None
    exit: int = 0
    needs: tuple[str, ...] = ()
    minutes: int = 5


@dataclass(frozen=True, slots=True)
class Limits(Form, record="limits", keys={"memory_mb": "memory_mb", "output_mb": "output_mb", "log_mb": "log_mb"}):
    """Limits of one attempt: wall time, memory and output in MiB, processes, and MiB of log."""

    minutes: int = 30
    memory_mb: int = 4096
    output_mb: int = 2048
    processes: int = 512
    log_mb: int = 64


@dataclass(frozen=True, slots=True)
class Allowance:
    """The code of a rule of `farm lint` (`S101`), or of a check of shellcheck (`SC2045`), and why it does not apply."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A maintainer's recipe, checked. `digest` covers recipe.yaml and the files beside it that it names.

    `flags` are those of compiler and linker, from the automatic steps; `environment` is the recipe's own. `waivers` are
    the hardening properties that its files lack, for the gate `hardening`. `requires` are names of packages, with `=`
    and a version where only that version will do: `jq=1.7.1-1`. `allowances` are for `farm lint`; no plan has them.
    """

    name: str
    version: Version
    revision: int = 1
    summary: str
    license: str
    home: str = ""
    sources: tuple[Source, ...] = ()
    carried: tuple[CarriedSource, ...] = ()
    toolchain: str
    build_needs: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    steps: tuple[Step, ...]
    outputs: tuple[Output, ...] = ()
    tests: tuple[Test, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    replaces: tuple[str, ...] = ()
    plugins: tuple[Plugin, ...] = ()
    sensitive_files: tuple[SensitiveFile, ...] = ()
    host: HostNeeds = field(default_factory=HostNeeds)
    limits: Limits = field(default_factory=Limits)
    shadows: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    flags: tuple[FlagVariable, ...] = ()
    source_epoch: int = DEFAULT_SOURCE_EPOCH
    waivers: tuple[HardeningWaiver, ...] = ()
    allowances: tuple[Allowance, ...] = ()
    digest: Digest

    @property
    def required_packages(self) -> tuple[str, ...]:
        """The names of the packages that its packages require, whatever the version, without its own."""
        needs = (*self.requires, *(need for output in self.outputs for need in output.requires))
        names = dict.fromkeys(need.partition("=")[0] for need in needs)
        return tuple(name for name in names if name not in self.package_names)

    @property
    def package_names(self) -> tuple[str, ...]:
        """The names of the packages that it can make: its own, then one for each declared output."""
        return (self.name, *(f"{self.name}-{output.name}" for output in self.outputs))
