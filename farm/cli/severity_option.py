"""The options `--max-severity` and `--policy`: which packages a subscriber accepts for runs, roots and images."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import click

from farm.cli.settings import SEVERITY_WORDS, Settings
from farm.client.findings.policy_in_force import PolicyInForce

_Command = TypeVar("_Command")
_META = "farm.policy"


def _remember(context: click.Context, _parameter: click.Parameter, value: Path | None) -> None:
    context.meta[_META] = value


policy_option = click.option(
    "--policy",
    type=click.Path(path_type=Path, dir_okay=False),
    expose_value=False,
    callback=_remember,
    help="The policy file (FARM_POLICY).  [default: policy.yaml in FARM_STATE, if it exists]",
)


def max_severity_option(command: _Command) -> _Command:
    """Add both options; `policy_in_force` reads the one for a file."""
    severity = click.option(
        "--max-severity",
        type=click.Choice(SEVERITY_WORDS),
        help="Refuse packages with an advisory above this severity (FARM_MAX_SEVERITY).",
    )
    return severity(policy_option(command))  # type: ignore[type-var]


def policy_in_force(max_severity: str | None = "") -> PolicyInForce:
    """Return the policy of the command that runs: the file of `--policy`, FARM_POLICY or the state directory, and the
    severity of the command, else of FARM_MAX_SEVERITY.
    """
    settings = Settings.from_environment()
    named: Path | None = click.get_current_context().meta.get(_META) or settings.policy
    usual = settings.state / "policy.yaml"
    return PolicyInForce(named or (usual if usual.exists() else None), max_severity or settings.max_severity)
