"""`--max-severity`: how bad an advisory may be about what is run or installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

from farm.cli.settings import SEVERITY_WORDS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from farm.client.catalogue import Catalogue, VerifiedPackage
    from farm.client.host import Host
    from farm.compat.severity import Severity

max_severity_option = click.option(
    "--max-severity",
    type=click.Choice(SEVERITY_WORDS),
    help="Refuse packages with an advisory that is worse than this (FARM_MAX_SEVERITY).",
)


def severity_check(host: Host, catalogue: Catalogue, accepted: str) -> Callable[[Sequence[VerifiedPackage]], None]:
    """Return what raises `RefusedByPolicyError` for packages that are worse than accepted; empty accepts everything."""
    from farm.client.severity_policy import refuse_worse

    if not accepted:
        return lambda _packages: None
    return lambda packages: refuse_worse(host, catalogue, packages, cast("Severity", accepted))
