"""`--max-severity` alone: a policy that says nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.client.findings.policy import RefusedByPolicyError
from farm.client.findings.policy_facts import enforce
from farm.core.subscriber.policy_file import Policy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farm.client.repository.catalogue import Catalogue, VerifiedPackage
    from farm.client.repository.host import Host
    from farm.core.advisories.severity import Severity

__all__ = ["RefusedByPolicyError", "refuse_worse"]


def refuse_worse(host: Host, catalogue: Catalogue, packages: Sequence[VerifiedPackage], accepted: Severity) -> None:
    """Raise `RefusedByPolicyError` when an advisory holds for one of these packages that is worse than `accepted`.

    Raises what `known_in_release` raises: where nothing can be known, nothing passes.
    """
    enforce(Policy(maximum_severity=accepted, by_command=True), host, catalogue, packages)
