"""Steps as data: `recipes/steps/*.yaml` define constant shell text and its arguments.

A scalar argument is passed as the variable `ARG_<NAME>`, a list as `"$@"`. Nothing is ever inserted into the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from farm.core.files import values as names
from farm.core.files.fields import Fields, check_kind, read_items, read_parsed, read_text, read_texts
from farm.core.files.problems import Problem, RecipeError, quoted, suggestion
from farm.core.names.platform import ARCHITECTURES
from farm.core.recipe.flags import Flag, FlagVariable
from farm.core.recipe.recipe import Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.core.files.document import Document, Node, Observe

ArgumentType: TypeAlias = Literal["string", "boolean", "integer", "strings"]
Automatic: TypeAlias = Literal["", "first", "last"]
ArgumentValue: TypeAlias = str | tuple[str, ...]

_TYPES: tuple[ArgumentType, ...] = ("string", "boolean", "integer", "strings")
_PLACES: tuple[Automatic, ...] = ("first", "last")
_ARGUMENT_NAME = re.compile(r"[a-z][a-z0-9-]{0,40}")


@dataclass(frozen=True, slots=True)
class StepArgument:
    """An argument of a step. `default` is text (`true`, `3`, …) or, for `strings`, a tuple."""

    name: str
    type: ArgumentType
    default: ArgumentValue
    summary: str

    @property
    def variable(self) -> str:
        """The environment variable of a scalar argument."""
        return "ARG_" + self.name.upper().replace("-", "_")


@dataclass(frozen=True, slots=True)
class StepRun:
    """One shell text of a step; `arguments` names the `strings` argument that is its `"$@"`, or is empty."""

    name: str
    shell: str
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class StepDefinition:
    """A step that recipes can name. `automatic` ones are added to every recipe and cannot be named.

    Their `flags` are variables of all steps of every recipe, such as CFLAGS. `formerly` is the former name of the step:
    recipes may still use it, and plans still record it, so that a new name does not cause new builds.
    """

    name: str
    summary: str
    arguments: tuple[StepArgument, ...]
    runs: tuple[StepRun, ...]
    automatic: Automatic = ""
    flags: tuple[FlagVariable, ...] = ()
    formerly: str = ""

    def expand(
        self, given: Mapping[str, ArgumentValue], environment: tuple[tuple[str, str], ...] = ()
    ) -> tuple[Step, ...]:
        """Return the steps to run for checked arguments (see `StepArgument.default` for their form)."""
        values = {argument.name: given.get(argument.name, argument.default) for argument in self.arguments}
        scalars = {
            argument.variable: str(values[argument.name]) for argument in self.arguments if argument.type != "strings"
        }
        variables = tuple(sorted((scalars | dict(environment)).items()))
        recorded = self.formerly or self.name
        return tuple(
            Step(
                f"{recorded}: {run.name}" if run.name else recorded,
                run.shell,
                cast("tuple[str, ...]", values[run.arguments]) if run.arguments else (),
                variables,
            )
            for run in self.runs
        )


@dataclass(frozen=True, slots=True)
class StepLibrary:
    """The step definitions of a tree of recipes, by name.

    `unreadable` are the names of those whose files have problems: a recipe that names one is not at fault.
    """

    definitions: Mapping[str, StepDefinition]
    unreadable: frozenset[str] = frozenset()

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> StepLibrary:
        """Read definitions from texts by file name; raises one `RecipeError` for all of them."""
        library, problems = cls.survey(files)
        if problems:
            raise RecipeError(problems)
        return library

    @classmethod
    def survey(cls, files: Mapping[str, bytes]) -> tuple[StepLibrary, tuple[Problem, ...]]:
        """Return the definitions of the valid files, and the problems of the others."""
        problems: list[Problem] = []
        definitions = {}
        unreadable = set()
        for file, text in sorted(files.items()):
            try:
                definition = read_step(text, file)
            except RecipeError as error:
                problems += error.problems
                unreadable.add(_name_of(file))
            else:
                definitions[definition.name] = definition
        return cls(definitions, frozenset(unreadable)), tuple(problems)

    def find(self, name: str) -> StepDefinition | None:
        """Return the step that a recipe names, by its name or its former one; None for an unknown name."""
        if name in self.nameable:
            return self.definitions[name]
        nameable = [self.definitions[new] for new in self.nameable] if name else []
        return next((definition for definition in nameable if definition.formerly == name), None)

    @property
    def nameable(self) -> tuple[str, ...]:
        """The names that a recipe can use, sorted."""
        return tuple(sorted(name for name, definition in self.definitions.items() if not definition.automatic))

    def automatic(self, place: Automatic) -> tuple[StepDefinition, ...]:
        """Return the definitions that every recipe has at its beginning (`first`) or end (`last`)."""
        return tuple(definition for _, definition in sorted(self.definitions.items()) if definition.automatic == place)

    @property
    def flags(self) -> tuple[FlagVariable, ...]:
        """The compiler and linker flags of every build."""
        return tuple(flags for place in _PLACES for definition in self.automatic(place) for flags in definition.flags)


def read_step(text: bytes, file: str, *, observe: Observe | None = None) -> StepDefinition:
    """Read one definition; raises `RecipeError`. The step's name is that of its file."""
    fields = Fields.of_file(
        text,
        file,
        "a step definition",
        known=("name", "summary", "arguments", "run", "automatic", "flags", "formerly"),
        required=("name", "summary", "run"),
        observe=observe,
    )
    document = fields.document
    arguments = tuple(_read_argument(document, key, value) for key, value in fields.pairs("arguments"))
    name = fields.text("name")
    stem = _name_of(file)
    if name != stem:
        fields.report("name", f"the step {quoted(name)} lies in the file {stem}.yaml", "Name both alike.")
    automatic = fields.choice("automatic", "", _PLACES) if "automatic" in fields else ""
    lists = {argument.name for argument in arguments if argument.type == "strings"}
    runs = tuple(_read_run(document, item, lists) for item in fields.items("run"))
    whole = fields.get("run")
    if whole is not None and whole.kind == "list" and not runs:
        fields.report("run", "run names nothing to run")
    flags = _read_flags(fields)
    if flags and not automatic:
        fields.report("flags", "only an automatic step has flags: they are those of every recipe")
    formerly, summary = fields.parsed("formerly", names.word) or "", fields.line("summary")
    return document.finished(
        StepDefinition(name, summary, arguments, runs, cast("Automatic", automatic), flags, formerly)
    )


def _name_of(file: str) -> str:
    return file.rpartition("/")[2].removesuffix(".yaml")


def _read_argument(document: Document, key: Node, value: Node) -> StepArgument:
    name = key.text
    if not _ARGUMENT_NAME.fullmatch(name):
        document.report(key, f"{quoted(name)} cannot name an argument", "Use a-z, 0-9 and -.")
    fields = Fields(document, value, name, known=("type", "default", "summary"), required=("type", "summary"))
    kind = cast("ArgumentType", fields.choice("type", "string", _TYPES))
    default_node = fields.get("default")
    default: ArgumentValue = {"string": "", "boolean": "false", "integer": "0", "strings": ()}[kind]  # type: ignore[assignment]
    if default_node is not None:
        default = read_value(document, default_node, "default", kind)
    return StepArgument(name, kind, default, fields.line("summary"))


def _read_run(document: Document, node: Node, lists: set[str]) -> StepRun:
    fields = Fields(document, node, "a run", known=("name", "shell", "arguments"), required=("shell",))
    arguments = fields.text("arguments")
    if arguments and arguments not in lists:
        fields.report(
            "arguments", f"{quoted(arguments)} is not an argument of type strings", suggestion(arguments, lists)
        )
    return StepRun(fields.line("name"), fields.text("shell"), arguments)


def _read_flags(fields: Fields) -> tuple[FlagVariable, ...]:
    """Read `flags`: for each variable a list of flags, `CFLAGS: [-O2, {amd64: -fcf-protection}]`."""
    document, variables = fields.document, []
    for key, value in fields.pairs("flags"):
        name = read_parsed(document, key, "a variable", names.variable) or ""
        flags = [flag for item in read_items(document, value, name) for flag in _read_flag(document, item, name)]
        variables.append(FlagVariable(name, tuple(flags)))
    return tuple(variables)


def _read_flag(document: Document, node: Node, name: str) -> tuple[Flag, ...]:
    if node.kind != "mapping":
        return (Flag(read_text(document, node, f"each item of {name}")),)
    fields = Fields(document, node, f"an item of {name}", known=ARCHITECTURES)
    return tuple(
        Flag(fields.text(architecture), architecture) for architecture in ARCHITECTURES if architecture in fields
    )


def read_value(document: Document, node: Node, name: str, kind: ArgumentType) -> ArgumentValue:
    """Return a value of an argument's type, as text or a tuple of texts; records a problem for any other."""
    if kind == "strings":
        return read_texts(document, node, name)
    if kind == "boolean":
        return node.text.lower() if check_kind(document, node, name, "boolean") else "false"
    if kind == "integer":
        return node.text if check_kind(document, node, name, "integer") else "0"
    return read_text(document, node, name)
