"""The policy of one command: the subscriber's file, and the limits that the command line sets.

The module imports as little as possible: most runs have no policy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from farm.client.repository.advisory_sources import AdvisoryLists
    from farm.client.repository.catalogue import Catalogue, VerifiedPackage
    from farm.client.repository.host import Host
    from farm.core.subscriber.policy_file import Policy


@dataclass(frozen=True, slots=True)
class PolicyInForce:
    """`file` is None where the subscriber has no policy, `max_severity` empty where the command limits nothing."""

    file: Path | None = None
    max_severity: str = ""

    def read(self) -> Policy:
        """Return the policy of the file, with the command's limit. Raises `RecipeError`, `OSError`."""
        from farm.core.subscriber.policy_file import Policy, read_policy, stricter  # noqa: PLC0415  (loads YAML)

        policy = read_policy(self.file.read_bytes(), str(self.file)) if self.file else Policy()
        return stricter(policy, self.max_severity)

    def check(
        self,
        host: Host,
        catalogue: Catalogue,
        packages: Sequence[VerifiedPackage],
        lists: AdvisoryLists | None = None,
    ) -> None:
        """Raise `RefusedByPolicyError` for packages of a release that may not be used.

        `lists` are the advisories, the newest unless given. Raises as `read`, and as `enforce`.
        """
        if not (self.file or self.max_severity):
            return
        from farm.client.findings.policy_facts import enforce  # noqa: PLC0415  (judges packages)

        enforce(self.read(), host, catalogue, packages, lists)


NO_POLICY = PolicyInForce()
