"""The command: its verbs and options, and its answers to programs.

Run as `python -m tests.formats.reading.command`, it runs command lines (a list of lists, JSON, on its stdin) one
after the other, and prints how each ended and its output.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Any

import click

from farm.cli.main import farm, main
from tests.formats import kept

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


def table() -> dict[str, Any]:
    """Return every verb and subcommand, with its options and arguments."""
    return dict(_verbs(farm, click.Context(farm), ""))


def find(path: str) -> dict[str, Any] | None:
    """Return a verb by its words, including one that no help shows; None if there is none."""
    command: click.Command | None = farm
    for word in path.split():
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), word)
        if command is None:
            return None
    return _form(command) if command else None


def _verbs(group: click.Group, context: click.Context, path: str) -> Iterator[tuple[str, Any]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command
        if isinstance(command, click.Group):
            yield from _verbs(command, context, f"{path}{name} ")
        yield f"{path}{name}", _form(command)


def _form(command: click.Command) -> dict[str, Any]:
    options, arguments = {}, []
    for parameter in command.params:
        form = {"type": _type(parameter.type), "nargs": parameter.nargs, "required": parameter.required}
        if isinstance(parameter, click.Option):
            names = [*parameter.opts, *parameter.secondary_opts]
            said = {"flag": parameter.is_flag, "count": parameter.count, "multiple": parameter.multiple, "names": names}
            options[names[0]] = form | said
        else:
            arguments.append(form)
    return {"options": options, "arguments": arguments}


def _type(kind: click.ParamType) -> Any:
    return list(kind.choices) if isinstance(kind, click.Choice) else kind.name


def shape(value: Any) -> Any:
    """Return the keys and types of a JSON value; a list has the shapes of its items, each once."""
    if isinstance(value, dict):
        return {key: shape(member) for key, member in value.items()}
    if isinstance(value, list):
        shapes = [shape(member) for member in value]
        return [kind for number, kind in enumerate(shapes) if kind not in shapes[:number]]
    return "null" if value is None else type(value).__name__


def shape_of(text: str) -> Any:
    """Return the shape of the output; for text that is not JSON, its number of lines."""
    try:
        return shape(json.loads(text))
    except ValueError:
        return f"{len(text.splitlines())} lines"


def carried_out(lines: Sequence[Sequence[str]], environment: Mapping[str, str], folder: Any) -> list[dict[str, Any]]:
    """Run command lines in one process of their own; return status and output of each."""
    command = [sys.executable, "-m", "tests.formats.reading.command"]
    ended = subprocess.run(
        command,
        input=json.dumps({"lines": lines, "folder": str(folder)}),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    found: list[dict[str, Any]] = json.loads(ended.stdout)
    return found


def _carry_out(line: Sequence[str]) -> dict[str, Any]:
    said, errors = io.TextIOWrapper(io.BytesIO()), io.TextIOWrapper(io.BytesIO())
    status: Any = 0
    with redirect_stdout(said), redirect_stderr(errors):
        try:
            main(list(line))
        except SystemExit as ended:
            status = ended.code
    for stream in (said, errors):
        stream.flush()
    return {"status": status, "out": said.buffer.getvalue().decode(), "err": errors.buffer.getvalue().decode()}  # type: ignore[attr-defined]


if __name__ == "__main__":
    import os

    asked = json.load(sys.stdin)
    os.chdir(asked["folder"])
    with kept.at(kept.read_json("published.json")["at"]):
        answers = [_carry_out(line) for line in asked["lines"]]
    json.dump(answers, sys.stdout)
