"""`farm completion`: the scripts by which shells complete verbs and options."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from farm.cli.output import say_document

_KINDS = {"bash": BashComplete, "fish": FishComplete, "zsh": ZshComplete}
SHELLS = tuple(_KINDS)
_QUOTED = {
    "bash": (
        ("read type value", "read -r type value"),
        (
            "            COMPREPLY+=($value)\n",
            """\
            if [[ ${COMP_WORDS[COMP_CWORD]} != [\\"\\']* ]]; then
                printf -v value %q "$value"
            fi
            COMPREPLY+=("$value")
""",
        ),
    ),
    "fish": (('string split "," $completion', 'string split --max 1 "," $completion'),),
}
"""What is replaced in the scripts. A word that is not begun with a quote is escaped; a value may have commas."""
VARIABLE = "_FARM_COMPLETE"
"""The variable by which a shell asks Click for completions (also in `farm.cli.entry`)."""


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the completion script for SHELL.

    An installed farm has these scripts in its `share` directory too, where bash and fish find them.

    \b
    Examples:
      eval "$(farm completion bash)"
      farm completion fish > ~/.config/fish/completions/farm.fish
    """
    say_document(completion_script(shell).encode())


def completion_script(shell: str) -> str:
    """Return the script of one of `SHELLS`, as Click writes it; for names with spaces, bash and fish need more."""
    # Not the class's own `source`: that of bash runs a bash to get its version.
    script = ShellComplete.source(_KINDS[shell](click.Command("farm"), {}, "farm", VARIABLE))
    for before, after in _QUOTED.get(shell, ()):
        script = script.replace(before, after)
    return script
