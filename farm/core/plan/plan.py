"""The Plan: a recipe with everything pinned. Its digest is the build's cache key.

It contains everything that decides the outcome of a build, and nothing else: no URL, origin, test, limit or summary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from farm.core.names.canonical_json import canonical_json
from farm.core.names.declared import DeclaresSensitiveFiles, HostNeeds, Output, Plugin, SensitiveFile
from farm.core.names.digest import Digest
from farm.core.names.form import Form, Minimum
from farm.core.names.package_name import PackageName
from farm.core.names.platform import Platform
from farm.core.names.version import Version
from farm.core.recipe.recipe import Step
from farm.errors import FarmError

PROTOCOL = 2
"""The version of how a worker executes a plan: raised when the same plan would give another output tree.

Since 2, the flags of compiler and linker are in the plan's environment, and nowhere else.
"""


class InvalidPlanError(FarmError):
    """Bytes are not a plan, or a plan contradicts itself."""

    code = "invalid-plan"


@dataclass(frozen=True, slots=True)
class PlannedSource(Form, record="source of a plan"):
    """A source file by the digest of its bytes: its file name, whether it is unpacked, whether it is a patch."""

    file: str
    digest: Digest
    unpack: bool = True
    patch: bool = False


@dataclass(frozen=True, slots=True)
class PlannedDependency(Form, record="dependency of a plan"):
    """A package that is present during the build: its tree, and the name and version that determine its store path.

    `direct` packages are those that the recipe names; the others are needed by these.
    """

    name: PackageName
    version: Version
    tree: Digest
    direct: bool

    @property
    def store(self) -> str:
        """The name of its directory under `/packages`."""
        return f"{self.name.short}-{self.version}-{self.tree.store_key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(DeclaresSensitiveFiles, record="plan", keys={"license": "licence"}, omitted={"sensitive_files"}):
    """Everything that decides the output of one build.

    Order matters in `sources` (patches apply in turn), `steps`, `outputs` and `sensitive_files` (the first match wins).
    The other tuples are sets, kept sorted, so that equivalent plans are equal. Raises `InvalidPlanError`.
    """

    _error = InvalidPlanError

    name: PackageName
    version: Version
    revision: Annotated[int, Minimum(1)]
    platform: Platform
    toolchain: Digest
    sources: tuple[PlannedSource, ...]
    dependencies: tuple[PlannedDependency, ...]
    steps: tuple[Step, ...]
    outputs: tuple[Output, ...]
    links: tuple[tuple[str, str], ...]
    replaces: tuple[str, ...]
    plugins: tuple[Plugin, ...]
    host: HostNeeds
    requires: tuple[str, ...]
    license: str
    shadows: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]
    source_epoch: int
    sensitive_files: tuple[SensitiveFile, ...] = ()
    protocol: Annotated[int, Minimum(1)] = PROTOCOL

    def __post_init__(self) -> None:
        for field in ("links", "replaces", "requires", "shadows", "environment"):
            object.__setattr__(self, field, tuple(sorted(set(getattr(self, field)))))
        plugins = tuple(sorted(set(self.plugins), key=lambda plugin: canonical_json(plugin.to_dict())))
        object.__setattr__(self, "plugins", plugins)
        object.__setattr__(
            self, "dependencies", tuple(sorted(self.dependencies, key=lambda dependency: dependency.name))
        )
        _refuse_twice("dependency", [str(dependency.name) for dependency in self.dependencies])
        _refuse_twice("source file", [source.file for source in self.sources])
        _refuse_twice("environment variable", [name for name, _ in self.environment])
        _refuse_twice("link", [path for path, _ in self.links])

    @property
    def digest(self) -> Digest:
        """The digest of the canonical JSON: two builds of one digest have the same inputs."""
        return Digest.of(self.to_json())

    @classmethod
    def from_json(cls, content: bytes) -> Plan:
        """Read canonical JSON; anything that does not encode to the same bytes is refused. Raises as `from_dict`."""
        return cls.read_json(content, InvalidPlanError, canonical=True)


def _refuse_twice(what: str, names: list[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InvalidPlanError(f"the {what} {name!r} is listed twice in one plan")
        seen.add(name)
