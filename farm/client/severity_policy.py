"""What a subscriber does not run or install: packages with an advisory that is worse than he accepts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.client.known_advisories import known_in_release
from farm.compat.severity import SEVERITIES, at_least
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farm.client.catalogue import Catalogue, VerifiedPackage
    from farm.client.host import Host
    from farm.compat.advisories import Finding
    from farm.compat.severity import Severity


class RefusedByPolicyError(FarmError):
    """Packages are worse than the subscriber's own policy accepts; `findings` say which and why."""

    code = "refused-by-policy"

    def __init__(self, where: str, accepted: Severity, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        told = "; ".join(
            f"{each.package} {each.version}-{each.revision} has {each.advisory.id} ({each.severity}): "
            f"{each.advisory.summary}"
            for each in findings
        )
        fixed = sorted({f"{each.package} {each.fixed}" for each in findings if each.fixed})
        wait = f"Wait for {' and '.join(fixed)}" if fixed else "Wait for a release that is fixed"
        super().__init__(
            f"{where} is refused: nothing worse than {accepted} is accepted, and {told}",
            remedy=f"{wait}, or leave the package out; to accept it, --max-severity {findings[0].severity}.",
        )


def refuse_worse(host: Host, catalogue: Catalogue, packages: Sequence[VerifiedPackage], accepted: Severity) -> None:
    """Raise `RefusedByPolicyError` when an advisory holds for one of these packages that is worse than `accepted`.

    Raises what `known_in_release` raises: where nothing can be known, nothing passes.
    """
    if accepted == SEVERITIES[-1]:
        return
    release = catalogue.release
    versions = [(each.name, each.descriptor.version, each.entry.revision) for each in packages]
    known = known_in_release(host, release, (name for name, _, _ in versions))
    worse = [each for each in known.find(versions) if each.stands and not at_least(accepted, each.severity)]
    if worse:
        where = f"release {release.number} of {release.distribution}/{release.channel}"
        raise RefusedByPolicyError(where, accepted, worse)
