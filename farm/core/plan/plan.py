"""The Plan: a recipe with everything pinned. Its digest is the build's cache key.

It holds all that decides what a build puts out, and nothing else: no URL, origin, test, limit or summary.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from farm.core.names.canonical_json import canonical_json
from farm.core.names.declared import HostNeeds, Plugin, SensitiveFile
from farm.core.names.digest import Digest
from farm.core.names.form import Form
from farm.core.names.json_reader import Record
from farm.core.names.package_name import PackageName
from farm.core.names.platform import Platform
from farm.core.names.version import Version
from farm.core.recipe.recipe import Output, Step
from farm.errors import FarmError

FORMAT = 2
"""The newest form. It is written only where there is something in it that the first one cannot say: so plans of before
keep their digests, and a worker of before says of a plan that it does not know to the full that it does not."""
_FIRST_FORMAT = 1
PROTOCOL = 2
"""How a worker carries a plan out: raised when the same plan would come to another output tree.

Since 2, what compiler and linker are told stands in the plan's environment, and nowhere else.
"""


class InvalidPlanError(FarmError):
    """Bytes that should be a plan are not one, or a plan contradicts itself."""

    code = "invalid-plan"


@dataclass(frozen=True, slots=True)
class PlannedSource(Form, record="source of a plan"):
    """A source file by the digest of its bytes: the name it gets, whether it is unpacked, whether it is a patch."""

    file: str
    digest: Digest
    unpack: bool = True
    patch: bool = False


@dataclass(frozen=True, slots=True)
class PlannedDependency(Form, record="dependency of a plan"):
    """A package that is there during the build: by its tree, named so that its store path follows.

    `direct` packages are those that the recipe names, the others are there because these need them.
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
class Plan:
    """Everything that decides the output of one build.

    Order matters in `sources` (patches apply in turn), `steps`, `outputs` and `sensitive_files` (the first match wins).
    The other tuples are sets, kept sorted, so that plans that mean the same are the same. Raises `InvalidPlanError`.
    """

    name: PackageName
    version: Version
    revision: int
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
    protocol: int = PROTOCOL

    def __post_init__(self) -> None:
        for field in ("links", "replaces", "requires", "shadows", "environment"):
            object.__setattr__(self, field, tuple(sorted(set(getattr(self, field)))))
        plugins = tuple(sorted(set(self.plugins), key=lambda plugin: canonical_json(plugin.to_dict())))
        object.__setattr__(self, "plugins", plugins)
        object.__setattr__(self, "dependencies", tuple(sorted(self.dependencies, key=lambda each: each.name)))
        _refuse_twice("dependency", [str(dependency.name) for dependency in self.dependencies])
        _refuse_twice("source file", [source.file for source in self.sources])
        _refuse_twice("environment variable", [name for name, _ in self.environment])
        _refuse_twice("link", [path for path, _ in self.links])

    @property
    def digest(self) -> Digest:
        """The digest of the canonical JSON: two builds of one digest have the same inputs."""
        return Digest.of(self.to_json())

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as its canonical JSON spells it."""
        sensitive = [file.to_dict() for file in self.sensitive_files]
        return ({"sensitive-files": sensitive} if sensitive else {}) | {
            "dependencies": [dependency.to_dict() for dependency in self.dependencies],
            "environment": [list(pair) for pair in self.environment],
            "format": FORMAT if sensitive else _FIRST_FORMAT,
            "host": self.host.to_dict(),
            "licence": self.license,
            "links": [list(pair) for pair in self.links],
            "name": str(self.name),
            "outputs": [output.to_dict() for output in self.outputs],
            "platform": str(self.platform),
            "plugins": [plugin.to_dict() for plugin in self.plugins],
            "protocol": self.protocol,
            "replaces": list(self.replaces),
            "requires": list(self.requires),
            "revision": self.revision,
            "shadows": list(self.shadows),
            "source-epoch": self.source_epoch,
            "sources": [source.to_dict() for source in self.sources],
            "steps": [step.to_dict() for step in self.steps],
            "toolchain": self.toolchain,
            "version": str(self.version),
        }

    def to_json(self) -> bytes:
        """Return the canonical JSON (RFC 8785)."""
        return canonical_json(self.to_dict())

    @classmethod
    def from_dict(cls, value: Any) -> Plan:
        """Read what `to_dict` gave. Raises `InvalidPlanError`, `InvalidRecordError`, errors of `farm.core.names`."""
        record = Record({"sensitive-files": [], **value} if isinstance(value, dict) else value, "plan")
        if (number := record.number("format")) not in (_FIRST_FORMAT, FORMAT):
            raise InvalidPlanError(
                f"this plan has format {number}, this farm reads up to format {FORMAT}", remedy="Upgrade the farm."
            )
        plan = cls(
            name=PackageName.parse(record.text("name")),
            version=Version(record.text("version")),
            revision=record.number("revision", minimum=1),
            platform=Platform.parse(record.text("platform")),
            toolchain=record.digest("toolchain"),
            sources=record.each("sources", PlannedSource.from_dict),
            dependencies=record.each("dependencies", PlannedDependency.from_dict),
            steps=record.each("steps", Step.from_dict),
            outputs=record.each("outputs", Output.from_dict),
            links=record.pairs("links"),
            replaces=record.texts("replaces"),
            plugins=record.each("plugins", Plugin.from_dict),
            host=record.read("host", HostNeeds.from_dict),
            requires=record.texts("requires"),
            license=record.text("licence"),
            shadows=record.texts("shadows"),
            environment=record.pairs("environment"),
            source_epoch=record.number("source-epoch"),
            sensitive_files=record.each("sensitive-files", SensitiveFile.from_dict),
            protocol=record.number("protocol", minimum=1),
        )
        record.end()
        return plan

    @classmethod
    def from_json(cls, content: bytes) -> Plan:
        """Read canonical JSON; what does not encode to the same bytes again is refused. Raises as `from_dict`."""
        try:
            value = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise InvalidPlanError(f"this is not a plan: {error}") from error
        plan = cls.from_dict(value)
        if plan.to_json() != content:
            raise InvalidPlanError("this plan is not in canonical form", remedy="Write plans with Plan.to_json.")
        return plan


def _refuse_twice(what: str, names: list[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InvalidPlanError(f"the {what} {name!r} stands twice in one plan")
        seen.add(name)
