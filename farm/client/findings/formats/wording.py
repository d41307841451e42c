"""A finding as a sentence, and links to its advisory: for every format that has text fields."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from farm.client.findings.report import Audit, Exposed, UnverifiedFinding, UnverifiedKind

_NOT_KNOWN: dict[UnverifiedKind, str] = {
    "unknown-content": "The content of {name} is not fully known",
    "no-advisories": "No advisories are published about a package in {name}",
    "not-covered": "Packages in {name} were not reviewed for vulnerabilities",
    "unknown-copies": "The code linked into a package in {name} is not fully known",
}
_CVE = "https://www.cve.org/CVERecord?id="


def sentence(audit: Audit, exposed: Exposed) -> str:
    """Return what holds, since when, where it is fixed, and what to do."""
    finding = exposed.finding
    since = f" since release {exposed.since.number}" if exposed.since else ""
    override = f" It replaces another build ({exposed.package.override})." if exposed.package.override else ""
    return (
        f"{exposed.label}{since} in {audit.name}: {finding.advisory.id} ({finding.severity}), "
        f"{finding.advisory.summary}.{override} {remedy(exposed)}"
    )


def unverified_sentence(audit: Audit, finding: UnverifiedFinding) -> str:
    """Return what is not known, and why."""
    return f"{_NOT_KNOWN[finding.kind].format(name=audit.name)}: {finding.why}"


def remedy(exposed: Exposed) -> str:
    """Return the fix, as a sentence."""
    version = f" with {exposed.finding.fixed}" if exposed.finding.fixed and not exposed.carries else ""
    if exposed.fixed_in is None:
        wait = f": wait for {exposed.finding.package} {exposed.finding.fixed}" if exposed.finding.fixed else ""
        return f"No release fixes it yet{wait}."
    how = f": {exposed.command}" if exposed.command else ""
    return f"Fixed in release {exposed.fixed_in.number}{version}{how}."


def addresses(exposed: Exposed) -> tuple[str, ...]:
    """Return the addresses of an advisory: under its distribution's id, and of each CVE that it covers."""
    advisory = exposed.finding.advisory
    owner = exposed.package.name.distribution
    own = f"https://{owner}/advisories/{quote(advisory.id, safe='')}"
    return (own, *(f"{_CVE}{quote(name, safe='')}" for name in sorted(advisory.ids) if name.startswith("CVE-")))
