"""Writes what is installed below `share`, made of the verbs themselves: a man page for each, and completion for shells.

    python script/dist.d/share_files.py DIRECTORY

The date of the pages is SOURCE_DATE_EPOCH.
"""

from __future__ import annotations

import inspect
import os
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from farm import __version__
from farm.cli.main import farm
from farm.cli.subscribe.completion import SHELLS, completion_script

if TYPE_CHECKING:
    from collections.abc import Iterator

COMPLETION = {
    "bash": "bash-completion/completions/farm",
    "fish": "fish/vendor_completions.d/farm.fish",
    "zsh": "zsh/site-functions/_farm",
}
_STATUS = """\
.TP
.B 0
It is done.
.TP
.B 1
It was refused, or failed; what and why is on standard error.
.TP
.B 2
It was called wrongly.
.TP
.B 3
Something was found, by verbs that look for it.
.TP
.B 69
An extra of farm is needed that is not installed.
"""


def pages(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    """Yield the man page of a command and of all below it: the name (`farm-run`), and the text as roff."""
    name = context.command_path.replace(" ", "-")
    parent = context.parent.command_path.replace(" ", "-") if context.parent else ""
    below = []
    if isinstance(command, click.Group):
        for word in command.list_commands(context):
            found = command.get_command(context, word)
            if found is not None and not found.hidden:
                below.append(click.Context(found, info_name=word, parent=context))
    yield name, page(command, context, name, parent, below)
    for child in below:
        yield from pages(child.command, child)


def page(command: click.Command, context: click.Context, name: str, parent: str, below: list[click.Context]) -> str:
    """Return one man page."""
    day = datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), UTC).date()
    usage = " ".join(command.collect_usage_pieces(context))
    parts = [
        f'.TH {name.upper()} 1 {day} "farm {__version__}" "farm"',
        ".nh",
        ".ad l",
        ".SH NAME",
        f"{plain(name)} \\- {plain(command.get_short_help_str(limit=200).rstrip('.'))}",
        ".SH SYNOPSIS",
        f".B {plain(context.command_path)}",
        plain(usage),
        ".SH DESCRIPTION",
        *described(inspect.cleandoc(command.help or "")),
    ]
    parts += [".SH OPTIONS"]
    for option in command.get_params(context):
        if isinstance(option, click.Option) and (record := option.get_help_record(context)):
            parts += [".TP", f".B {plain(record[0])}", words(record[1])]
    if below:
        parts += [".SH COMMANDS"]
        for child in below:
            parts += [".TP", f".BR {name}\\-{plain(child.info_name or '')} (1)"]
            parts += [words(child.command.get_short_help_str(limit=200))]
    parts += [".SH EXIT STATUS", _STATUS.rstrip()]
    if parent:
        parts += [".SH SEE ALSO", f".BR {plain(parent)} (1)"]
    return "\n".join(parts) + "\n"


def described(text: str) -> Iterator[str]:
    """Yield a help text as roff: paragraphs, and the text after a `\\b` line by line."""
    for number, paragraph in enumerate(filter(None, text.split("\n\n"))):
        first, _, rest = paragraph.partition("\n")
        if first.strip() != "\b":
            yield from ([".PP"] if number else [])
            yield words(" ".join(paragraph.split()))
            continue
        head, *lines = rest.split("\n")
        yield from (".PP", words(head), ".RS", ".EX", *(plain(line.strip()) for line in lines), ".EE", ".RE")


def words(text: str) -> str:
    """Return a sentence as roff, with text in backticks in bold."""
    return re.sub(r"`([^`]+)`", r"\\fB\1\\fR", plain(text))


def plain(text: str) -> str:
    """Return a text as literal roff: hyphens can be copied, and nothing is a request."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("^", "\\(ha").replace("~", "\\(ti")
    return "\\&" + escaped if escaped.startswith((".", "'")) else escaped


def main(target: Path) -> None:
    """Write all files below a directory."""
    manual = target / "man" / "man1"
    manual.mkdir(parents=True)
    for name, text in pages(farm, click.Context(farm, info_name="farm")):
        (manual / f"{name}.1").write_text(text)
    for shell in SHELLS:
        file = target / COMPLETION[shell]
        file.parent.mkdir(parents=True)
        file.write_text(completion_script(shell))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
