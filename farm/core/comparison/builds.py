"""Two builds of a package, compared: inputs, files, symbols, and what the descriptor says of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from farm.core.comparison.files import FileChange, file_changes
from farm.core.comparison.inputs import InputChange, input_changes
from farm.core.comparison.lines import unified_lines
from farm.core.comparison.symbols import SymbolChange, symbol_changes
from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest
from farm.core.names.form import Form
from farm.core.names.printed_version import FIRST_BUILD, printed_version

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from farm.core.fileset.manifest import Manifest
    from farm.core.package.descriptor import Descriptor
    from farm.core.package.facts import PackageFacts
    from farm.core.plan.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedBuild:
    """One build of a package: its documents, and `where` it was found (`edge@3`, `built here`).

    `plan` is None where the plan cannot be had, `recipe` (its files by name) where the text cannot; `seconds` is how
    long the build took, None where nobody has said so.
    """

    where: str
    descriptor: Descriptor
    manifest: Manifest
    facts: PackageFacts
    plan: Plan | None = None
    recipe: Mapping[str, bytes] | None = None
    seconds: float | None = None
    build: int = FIRST_BUILD

    @property
    def identity(self) -> BuildIdentity:
        """What names the build."""
        descriptor = self.descriptor
        version = printed_version(descriptor.version, descriptor.revision, self.build)
        return BuildIdentity(
            str(descriptor.name), version, self.where, descriptor.digest, descriptor.tree, descriptor.plan
        )


@dataclass(frozen=True, slots=True)
class BuildIdentity(Form, record="compared build"):
    """A build by its full name, its printed version, where it was found, and its digests."""

    name: str
    version: str
    where: str
    descriptor: Digest
    tree: Digest
    plan: Digest

    def __str__(self) -> str:
        return f"{self.name.rpartition('/')[2]} {self.version} ({self.where})"


@dataclass(frozen=True, slots=True)
class MemberChange(Form, record="change of a descriptor"):
    """A member of the descriptor that is a list of texts, by its name (`requires`): what is on one side only.

    A single value, as the license, is a list of one; a member of the needs of the host is `host kernel`.
    """

    member: str
    removed: tuple[str, ...]
    added: tuple[str, ...]

    @property
    def mirrored(self) -> MemberChange:
        """The same change in the other direction."""
        return MemberChange(self.member, self.added, self.removed)


@dataclass(frozen=True, slots=True)
class RecipeFileChange:
    """A file of the recipe's directory that differs; None where it is missing."""

    file: str
    before: bytes | None
    after: bytes | None

    @property
    def mirrored(self) -> RecipeFileChange:
        """The same change in the other direction."""
        return RecipeFileChange(self.file, self.after, self.before)

    def lines(self) -> Iterator[str]:
        """Yield its unified diff."""
        return unified_lines(self.file, self.before, self.after)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildComparison:
    """Everything that differs between two builds.

    `inputs` is None where a plan is not at hand, `recipe` where a text is not. `seconds` are the durations of both
    builds; they are no difference.
    """

    before: BuildIdentity
    after: BuildIdentity
    inputs: tuple[InputChange, ...] | None
    recipe: tuple[RecipeFileChange, ...] | None
    files: tuple[FileChange, ...]
    symbols: tuple[SymbolChange, ...]
    members: tuple[MemberChange, ...]
    seconds: tuple[float | None, float | None] = (None, None)

    @property
    def is_empty(self) -> bool:
        """Whether the two are one build, to the bit, from the same recipe where that is known."""
        return self.before.descriptor == self.after.descriptor and not self.recipe

    @property
    def growth(self) -> int:
        """The bytes by which the second build is larger."""
        return sum(file.growth for file in self.files)

    @property
    def mirrored(self) -> BuildComparison:
        """The same comparison in the other direction."""
        return BuildComparison(
            before=self.after,
            after=self.before,
            inputs=None if self.inputs is None else tuple(change.mirrored for change in self.inputs),
            recipe=None if self.recipe is None else tuple(change.mirrored for change in self.recipe),
            files=tuple(change.mirrored for change in self.files),
            symbols=tuple(change.mirrored for change in self.symbols),
            members=tuple(change.mirrored for change in self.members),
            seconds=self.seconds[::-1],
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "before": self.before.to_dict(),
            "after": self.after.to_dict(),
            "equal": self.is_empty,
            "inputs": None if self.inputs is None else [change.to_dict() for change in self.inputs],
            "recipe": None if self.recipe is None else {change.file: list(change.lines()) for change in self.recipe},
            "files": [change.to_dict() for change in self.files],
            "symbols": [change.to_dict() | {"breaks": change.breaks} for change in self.symbols],
            "members": [change.to_dict() for change in self.members],
            "growth": self.growth,
            "seconds": list(self.seconds),
        }


def compare_builds(before: ComparedBuild, after: ComparedBuild) -> BuildComparison:
    """Compare two builds, usually of one package; packages of different names are compared all the same."""
    plans, recipes = (before.plan, after.plan), (before.recipe, after.recipe)
    return BuildComparison(
        before=before.identity,
        after=after.identity,
        inputs=input_changes(plans[0], plans[1]) if plans[0] and plans[1] else None,
        recipe=_recipe_changes(recipes[0], recipes[1]) if None not in recipes else None,  # type: ignore[arg-type]
        files=tuple(file_changes(before.manifest, after.manifest)),
        symbols=symbol_changes(before.facts, after.facts),
        members=_member_changes(before.descriptor, after.descriptor),
        seconds=(before.seconds, after.seconds),
    )


def _recipe_changes(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> tuple[RecipeFileChange, ...]:
    changed = (name for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name))
    return tuple(RecipeFileChange(name, before.get(name), after.get(name)) for name in changed)


_COMPARED = frozenset(("diff-id", "facts", "name", "plan", "revision", "tree", "version"))
"""The members of a descriptor that name the build, or follow from its files and its plan."""


def _member_changes(before: Descriptor, after: Descriptor) -> tuple[MemberChange, ...]:
    old, new = _members(before), _members(after)
    found = []
    for member in sorted(old.keys() | new.keys()):
        was, now = old.get(member, frozenset()), new.get(member, frozenset())
        if was != now:
            found.append(MemberChange(member, tuple(sorted(was - now)), tuple(sorted(now - was))))
    return tuple(found)


def _members(descriptor: Descriptor) -> dict[str, frozenset[str]]:
    form = descriptor.to_dict()
    host = form.pop("host")
    form |= {f"host {key}": value for key, value in host.items()}
    form["license"] = form.pop("licence")
    return {key: _texts(value) for key, value in form.items() if key not in _COMPARED}


def _texts(value: Any) -> frozenset[str]:
    values = value if isinstance(value, (list, tuple)) else [value] if value else []
    return frozenset(item if isinstance(item, str) else canonical_json(item).decode() for item in values)
