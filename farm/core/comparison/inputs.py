"""The inputs that differ between two plans: what made a build necessary."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest
from farm.core.names.form import Form

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from farm.core.plan.plan import Plan, PlannedDependency, PlannedSource
    from farm.core.recipe.recipe import Step


class InputKind(StrEnum):
    """What kind of input of a build it is; in the order in which they are shown."""

    VERSION = "version"  # and revision
    SOURCE = "source"
    STEP = "step"
    TOOLCHAIN = "toolchain"
    FLAG = "flag"  # a variable of the build's environment
    DEPENDENCY = "dependency"
    SETTING = "setting"  # another member of the plan, by its name


_NAMED = frozenset(("dependencies", "environment", "name", "revision", "sources", "steps", "toolchain", "version"))
"""The members of a plan that have a kind of their own, and its name, which is the same in builds of one package."""


@dataclass(frozen=True, slots=True)
class InputValue(Form, record="input of a build", omitted={"text", "digest"}):
    """The value of an input: a text for people, a digest, or both (a dependency's version and tree)."""

    text: str = ""
    digest: Digest | None = None


@dataclass(frozen=True, slots=True)
class InputChange(Form, record="change of an input"):
    """An input that differs: its value in the first plan and in the second, None where there is none.

    `name` is the file of a source, `2 autotools` for the second step, the variable of a flag, the full name of a
    dependency, or the member of the plan.
    """

    kind: InputKind
    name: str
    before: InputValue | None
    after: InputValue | None

    @property
    def mirrored(self) -> InputChange:
        """The same change in the other direction."""
        return replace(self, before=self.after, after=self.before)


_Values: TypeAlias = "dict[str, InputValue]"


def input_changes(before: Plan, after: Plan) -> tuple[InputChange, ...]:
    """Return the inputs that differ, by kind and name; steps in their order. Empty only for plans of one digest."""
    old, new = _inputs(before), _inputs(after)
    old[InputKind.STEP], new[InputKind.STEP] = _steps(before.steps, after.steps)
    return tuple(
        InputChange(kind, name, old[kind].get(name), new[kind].get(name))
        for kind in InputKind
        for name in _names(old[kind], new[kind], in_order=kind is InputKind.STEP)
        if old[kind].get(name) != new[kind].get(name)
    )


def _names(old: _Values, new: _Values, *, in_order: bool) -> list[str]:
    names = old.keys() | new.keys()
    return sorted(names, key=lambda name: (int(name.split()[0]), name)) if in_order else sorted(names)


def _inputs(plan: Plan) -> dict[InputKind, _Values]:
    """Return all inputs but the steps."""
    form = plan.to_dict()
    settings = {key: value for key, value in form.items() if key not in _NAMED}
    settings["source-order"] = [source.file for source in plan.sources]
    return {
        InputKind.VERSION: {"version": InputValue(f"{plan.version}-{plan.revision}")},
        InputKind.SOURCE: {source.file: _source(source) for source in plan.sources},
        InputKind.TOOLCHAIN: {"toolchain": InputValue(digest=plan.toolchain)},
        InputKind.FLAG: {name: InputValue(_unversioned(plan, value)) for name, value in plan.environment},
        InputKind.DEPENDENCY: {str(dependency.name): _dependency(dependency) for dependency in plan.dependencies},
        InputKind.SETTING: {key: InputValue(_text(value)) for key, value in settings.items() if value},
    }


def _unversioned(plan: Plan, flags: str) -> str:
    """Return flags with a constant in place of name and version, where these are a path: they are an input already."""
    return flags.replace(f"/{plan.name.short}-{plan.version}", "/NAME-VERSION")


def _source(source: PlannedSource) -> InputValue:
    treatment = "patch" if source.patch else "" if source.unpack else "not unpacked"
    return InputValue(treatment, source.digest)


def _dependency(dependency: PlannedDependency) -> InputValue:
    return InputValue(f"{dependency.version}{'' if dependency.direct else ', indirect'}", dependency.tree)


def _steps(before: Sequence[Step], after: Sequence[Step]) -> tuple[_Values, _Values]:
    """Return the steps between the first and the last that differ, numbered as in the plan that has them.

    Steps are paired by their place, which is the same in both directions.
    """
    first = _common(before, after)
    last = _common(before[first:][::-1], after[first:][::-1])
    old, new = (
        {f"{number} {step.title}": _step(step) for number, step in _numbered(steps, first, last)}
        for steps in (before, after)
    )
    return old, new


def _numbered(steps: Sequence[Step], first: int, last: int) -> Iterator[tuple[int, Step]]:
    return enumerate(steps[first : len(steps) - last], first + 1)


def _common(before: Sequence[Step], after: Sequence[Step]) -> int:
    """Return how many steps at the beginning are the same."""
    pairs = zip(before, after, strict=False)
    return next((number for number, (was, now) in enumerate(pairs) if was != now), min(len(before), len(after)))


def _step(step: Step) -> InputValue:
    """Return a step in lines as a shell shows them: its variables, its arguments, its text."""
    variables = [f"{name}={value}" for name, value in step.environment]
    return InputValue(
        "\n".join([*variables, *([" ".join(step.arguments)] if step.arguments else []), step.script]),
        Digest.of_json(step.to_dict()),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else canonical_json(value).decode()
