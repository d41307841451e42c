"""The `steps` key of a recipe: library steps with their arguments, and inline shell text."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from farm.core.files import values as names
from farm.core.files.fields import Fields, check_kind, read_parsed, read_text
from farm.core.files.problems import quoted, suggestion
from farm.core.recipe.archive_names import unpacked_file
from farm.core.recipe.recipe import Source, Step
from farm.core.recipe.steps import ArgumentValue, Automatic, StepArgument, StepDefinition, StepLibrary, read_value
from farm.core.recipe.template import TemplateRefusedError, Templates

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from farm.core.files.document import Document, Node
    from farm.core.recipe.flags import FlagVariable

_EXTRAS = ("name", "environment")
_INLINE = "run"
# A template in shell text is not replaced, so it is always a mistake.
_TEMPLATE = re.compile(r"\{\{-?\s*(?:name|version|revision)\b")


def read_steps(fields: Fields, library: StepLibrary, templates: Templates) -> tuple[Step, ...]:
    """Read `steps` into steps that are ready to run, without the automatic ones."""
    steps: list[Step] = []
    for number, node in enumerate(fields.items("steps"), 1):
        read = _read_step(fields.document, node, number, library, templates)
        steps += (replace(step, line=node.line) for step in read)
    whole = fields.get("steps")
    if whole is not None and whole.kind == "list" and not whole.items:
        fields.report("steps", "steps names nothing to do")
    return tuple(steps)


def with_automatic(
    steps: tuple[Step, ...], sources: tuple[Source, ...], library: StepLibrary, fields: Fields, templates: Templates
) -> tuple[Step, ...]:
    """Return the steps with the library's automatic ones around them.

    A first step gets the sources as its `sources` argument, in order: `main=FILE` for the archive of `/build/src`,
    `other=FILE` for further archives, `patch=FILE` for patches. FILE is a tar archive below `/sources`.
    """

    def expanded(place: Automatic, given: Mapping[str, ArgumentValue]) -> Iterator[Step]:
        for definition in library.automatic(place):
            yield from definition.expand({**_defaults(fields.document, fields.node, definition, templates), **given})

    first = expanded("first", {"sources": tuple(_prepare_words(sources))})
    return (*first, *steps, *expanded("last", {}))


def read_flags(fields: Fields, library: StepLibrary, templates: Templates) -> tuple[FlagVariable, ...]:
    """Return the flags of the library's automatic steps, rendered for this recipe."""
    return tuple(
        replace(
            variable,
            flags=tuple(
                replace(flag, text=_render(fields.document, fields.node, flag.text, templates))
                for flag in variable.flags
            ),
        )
        for variable in library.flags
    )


def _prepare_words(sources: tuple[Source, ...]) -> list[str]:
    archives = [unpacked_file(source.file) for source in sources if source.unpack and not source.patch]
    words = [f"{'other' if number else 'main'}={file}" for number, file in enumerate(archives)]
    return words + [f"patch={source.file}" for source in sources if source.patch]


def _read_step(
    document: Document, node: Node, number: int, library: StepLibrary, templates: Templates
) -> tuple[Step, ...]:
    if node.kind == "text":
        named = _find(document, node, library)
        return named.expand(_defaults(document, node, named, templates)) if named else ()
    if not check_kind(document, node, "a step", "mapping", "text"):
        return ()
    calls = [(key, value) for key, value in node.pairs if key.text not in _EXTRAS]
    if len(calls) != 1:
        document.report(node, f"a step names one thing to do, and this names {len(calls)}", "Write one step an item.")
        return ()
    key, value = calls[0]
    extras = Fields(document, node, "a step", known=(*_EXTRAS, key.text))
    document.declare(node, required=(key.text,))
    environment = _environment(document, extras, templates)
    if key.text == _INLINE:
        script = _inline(document, value)
        return (Step(extras.line("name") or f"run {number}", script, (), environment),)
    if "name" in extras:
        extras.report("name", "only a run step can be named")
    definition = _find(document, key, library)
    if definition is None:
        return ()
    return definition.expand(_arguments(document, value, definition, templates), environment)


def _find(document: Document, node: Node, library: StepLibrary) -> StepDefinition | None:
    definition = library.find(node.text)
    document.declare(node, enum=library.nameable)
    if definition is None:
        if node.text in library.unreadable:
            return None
        known = (*library.nameable, _INLINE)
        document.report(node, f"there is no step {quoted(node.text)}", suggestion(node.text, known))
    elif definition.name != node.text:
        new = definition.name
        document.warn(
            node, f"the step {node.text} is called {new} now", f"Write {new}; the next release reads no other."
        )
    return definition


def _inline(document: Document, node: Node) -> str:
    script = read_text(document, node, _INLINE)
    if _TEMPLATE.search(script):
        document.report(
            node, "shell text is not a template", "Give the value as environment: {VERSION: ...} and use $VERSION."
        )
    return script


def _environment(document: Document, extras: Fields, templates: Templates) -> tuple[tuple[str, str], ...]:
    variables = []
    for key, value in extras.pairs("environment"):
        name = read_parsed(document, key, "a variable", names.variable)
        if name is not None:
            variables.append((name, _render(document, value, read_text(document, value, name), templates)))
    return tuple(sorted(variables))


def _arguments(
    document: Document, node: Node, definition: StepDefinition, templates: Templates
) -> Mapping[str, ArgumentValue]:
    values = _defaults(document, node, definition, templates)
    if node.kind == "nothing":
        return values
    known = {argument.name: argument for argument in definition.arguments}
    fields = Fields(document, node, f"the step {definition.name}", known=known)
    for name, argument in known.items():
        value = fields.get(name)
        if value is not None:
            values[name] = _argument(document, value, argument, templates)
    return values


def _defaults(
    document: Document, node: Node, definition: StepDefinition, templates: Templates
) -> dict[str, ArgumentValue]:
    """Return the defaults that are templates (`{{ name }}`), rendered for this recipe."""
    return {
        argument.name: _render(document, node, argument.default, templates)
        for argument in definition.arguments
        if isinstance(argument.default, str) and "{" in argument.default
    }


def _argument(document: Document, node: Node, argument: StepArgument, templates: Templates) -> ArgumentValue:
    value = read_value(document, node, argument.name, argument.type)
    if isinstance(value, str):
        return _render(document, node, value, templates)
    return tuple(_render(document, item, text, templates) for item, text in zip(node.items, value, strict=False))


def _render(document: Document, node: Node, text: str, templates: Templates) -> str:
    try:
        rendered = templates.render(text)
    except TemplateRefusedError as error:
        document.report(node, error.message, error.remedy)
        return ""
    if "\0" in rendered:
        document.report(node, "a value cannot hold the character NUL")
    return rendered
