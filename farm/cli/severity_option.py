"""`--max-severity` and `--policy`: what a subscriber accepts of what is run, installed or made into an image."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from farm.cli.settings import SEVERITY_WORDS, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from farm.client.repository.catalogue import Catalogue, VerifiedPackage
    from farm.client.repository.host import Host
    from farm.client.repository.known_advisories import AdvisoryLists
    from farm.core.subscriber.policy_file import Policy

_Command = TypeVar("_Command")
_META = "farm.policy"


def _remember(context: click.Context, _parameter: click.Parameter, value: Path | None) -> None:
    context.meta[_META] = value


policy_option = click.option(
    "--policy",
    type=click.Path(path_type=Path, dir_okay=False),
    expose_value=False,
    callback=_remember,
    help="What may be used, as a file (FARM_POLICY).  [default: policy.yaml in FARM_STATE, if it is there]",
)


def max_severity_option(command: _Command) -> _Command:
    """Add both options; the policy's file is for `severity_check` alone."""
    severity = click.option(
        "--max-severity",
        type=click.Choice(SEVERITY_WORDS),
        help="Refuse packages with an advisory that is worse than this (FARM_MAX_SEVERITY).",
    )
    return severity(policy_option(command))  # type: ignore[type-var]


def policy_in_force() -> tuple[Policy, Path | None]:
    """Return the policy of the command that runs, and its file: that of `--policy`, FARM_POLICY or the state directory.

    A file that was named must be there. Raises `RecipeError`, `OSError`.
    """
    from farm.core.subscriber.policy_file import Policy, read_policy

    path = policy_file()
    return (read_policy(path.read_bytes(), str(path)), path) if path else (Policy(), None)


def check_policy_file() -> None:
    """See that the policy in force, if there is one, can be read. Raises as `policy_in_force`."""
    if policy_file() is not None:
        policy_in_force()


def policy_file() -> Path | None:
    """Return the file of the policy in force, None where there is none."""
    settings = Settings.from_environment()
    named: Path | None = click.get_current_context().meta.get(_META) or settings.policy
    usual = settings.state / "policy.yaml"
    return named or (usual if usual.exists() else None)


def severity_check(
    host: Host, catalogue: Catalogue, accepted: str, lists: AdvisoryLists | None = None
) -> Callable[[Sequence[VerifiedPackage]], None]:
    """Return what raises `RefusedByPolicyError` for packages that the policy, or `accepted`, does not accept.

    An empty `accepted` adds nothing to the policy. `lists` are the advisories, the newest unless given.
    """
    if not accepted and policy_file() is None:
        return lambda _packages: None  # most runs: what would judge them need not even be loaded
    from farm.client.findings.policy_facts import enforce
    from farm.core.subscriber.policy_file import stricter

    policy, _ = policy_in_force()
    return lambda packages: enforce(stricter(policy, accepted), host, catalogue, packages, lists)
