"""Sensitive files that an install adds: what they do, and why their packages have them.

They are found in the verified files themselves, so that undeclared ones are reported too; older packages have such
files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from farm.core.package.sensitive_files import sensitive_files_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from farm.core.fileset.manifest import Manifest
    from farm.core.package.descriptor import Descriptor
    from farm.core.package.facts import PackageFacts
    from farm.core.package.sensitive_files import SensitiveFinding
    from farm.core.package.sensitive_places import Sensitivity

_NOT_DECLARED = "its recipe does not say why"


@dataclass(frozen=True, slots=True)
class SensitiveAdditions:
    """Sensitive files of one package with the same effect and reason; `reason` is empty where none is declared."""

    package: str
    findings: tuple[SensitiveFinding, ...]
    reason: str

    @property
    def what(self) -> str:
        """Their effect and reason, without their names."""
        return f"{self.findings[0].effect}: {self.reason or _NOT_DECLARED}"

    def __str__(self) -> str:
        """Return it as one line: the name of one file, and how many more there are."""
        more = f" and {len(self.findings) - 1} more" if len(self.findings) > 1 else ""
        return f"{self.package} has {self.findings[0].name}{more}: {self.what}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        files = [{"path": finding.path, "why": finding.why.word, "detail": finding.detail} for finding in self.findings]
        return {"package": self.package, "files": files, "reason": self.reason}


def sensitive_additions(
    descriptor: Descriptor, manifest: Manifest, facts: PackageFacts, known: Collection[SensitiveFinding] = ()
) -> tuple[SensitiveAdditions, ...]:
    """Return the sensitive files of a package except those that are `known`, in the order of their paths."""
    reasons = {file.path: file.reason for file in descriptor.sensitive_files}
    alike: dict[tuple[Sensitivity, str, str], list[SensitiveFinding]] = {}
    for finding in sensitive_files_of(descriptor, manifest, facts):
        if finding not in known:
            alike.setdefault((finding.why, finding.detail, reasons.get(finding.path, "")), []).append(finding)
    return tuple(
        SensitiveAdditions(descriptor.label, tuple(findings), reason) for (_, _, reason), findings in alike.items()
    )
