"""Comparing packages with the advisories that their distributions have signed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING

from farm.client.audit.running_containers import RunningContainers
from farm.client.audit.subjects import channel_subject, image_subject, root_subject, running_subject
from farm.client.findings.audit_history import Question, answer
from farm.client.findings.copied_code import Carriers
from farm.client.findings.report import Audit, Exposed
from farm.client.image.accounting import unattributed
from farm.client.image.engine import docker_images
from farm.client.image.known_image import open_image, unambiguous
from farm.client.repository.advisory_sources import merged
from farm.client.repository.known_advisories import known_as_far_as_published
from farm.client.repository.progress import NO_PROGRESS, Progress
from farm.client.repository.subscriptions import SubscriptionError
from farm.client.root.known_roots import states
from farm.client.run.processes import bubblewrap_runs, starts
from farm.container.docker_objects import running_containers
from farm.container.image_store import EngineImages
from farm.container.sandbox import SandboxUnavailableError, connect
from farm.core.advisories.severity import SEVERITIES
from farm.core.names.version import Version

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from farm.client.audit.subjects import Subject
    from farm.client.findings.audit_history import Answer
    from farm.client.findings.report import AuditedPackage, CopiedCode
    from farm.client.repository.advisory_sources import AdvisorySource
    from farm.client.repository.catalogue import Catalogue
    from farm.client.repository.host import Host
    from farm.client.repository.read_only_host import ReadOnlyHost
    from farm.core.advisories.matching import AdvisoryFinding
    from farm.core.plan.job import BlobRef
    from farm.trust.index.release_index import ReleaseEntry


@dataclass(frozen=True, slots=True)
class AuditRequest:
    """What to audit: `images` by name, a `root`, what is `running`, or a channel's newest release.

    `docker` is the address of the engine with the images and containers; empty means the machine's own.
    """

    images: tuple[str, ...] = ()
    root: Path | None = None
    running: bool = False
    channel: str = ""
    docker: str = ""


class AuditVerdict(Enum):
    """The result of audits: the gravest one that applies."""

    FOUND = "an advisory applies"
    NOT_KNOWN = "it cannot be known"
    NOT_COVERED = "no advisory applies, and some package was not reviewed"
    CLEAN = "no advisory applies, and every package was reviewed"


def audit(host: ReadOnlyHost, request: AuditRequest, progress: Progress = NO_PROGRESS) -> list[Audit]:
    """Audit images, a root, everything that is running, or a channel's newest release."""
    if request.images:
        return _audit_images(host, request)
    if request.running:
        return _audit_running(host, request, progress)
    return [audit_root(host, request.root) if request.root else audit_channel(host, request.channel)]


def verdict(host: ReadOnlyHost, found: Iterable[Audit]) -> AuditVerdict:
    """Return the verdict of audits on a host."""
    found = list(found)
    if any(audited.exposed for audited in found):
        return AuditVerdict.FOUND
    # Metadata that has expired may lack advisories.
    if host.has_expired or not all(audited.is_whole for audited in found):
        return AuditVerdict.NOT_KNOWN
    return AuditVerdict.NOT_COVERED if any(audited.uncovered for audited in found) else AuditVerdict.CLEAN


def _audit_images(host: Host, request: AuditRequest) -> list[Audit]:
    auditor, engine = Auditor(host), docker_images(request.docker)
    found = []
    for name in dict.fromkeys(request.images):
        image = unambiguous(open_image(name, host, engine))
        subject = image_subject(name, image, unattributed(host, image, engine))
        found.append(auditor.audit(subject, image.provenances))
    return found


def _audit_running(host: Host, request: AuditRequest, progress: Progress) -> list[Audit]:
    recorded = starts(states(host))
    alive = bubblewrap_runs(recorded)
    try:
        client = connect(request.docker)
        containers = RunningContainers(host, EngineImages(client), recorded)
        alive = [*map(containers.look, running_containers(client)), *alive]
    except SandboxUnavailableError:
        progress.note("no Docker Engine answers: only runs of bubblewrap were audited")
    auditor = Auditor(host)
    return [auditor.audit_of_many(running_subject(running), running.evidence) for running in alive]


def audit_root(host: Host, path: Path) -> Audit:
    """Audit what a root holds now. Raises `RootError`, and as `Auditor.audit`."""
    return Auditor(host).audit(root_subject(host, path))


def audit_channel(host: Host, channel: str) -> Audit:
    """Audit the newest release of a subscribed channel."""
    auditor = Auditor(host)
    return auditor.audit(channel_subject(auditor.catalogue(channel)))


class Auditor:
    """Audits one subject after the other; the newest release of each channel is verified only once."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.catalogue = cache(host.catalogue)

    def audit(self, subject: Subject, evidence: Mapping[str, BlobRef] | None = None) -> Audit:
        """Audit a subject; `evidence` are known provenances by descriptor.

        Where nobody publishes advisories, or nobody has reviewed a package, the `data` records it. Raises
        `UntrustedMetadataError`, `SubscriptionError`, `DownloadError`: what cannot be known is no all-clear.
        """
        by_channel: dict[str, list[AuditedPackage]] = {}
        for package in subject.packages:
            by_channel.setdefault(package.channel, []).append(package)
        local = by_channel.pop("", [])
        found: list[Exposed] = []
        untraced: list[str] = []
        data: list[AdvisorySource] = []
        for channel, packages in sorted(by_channel.items()):
            part = _ChannelAudit(self._host, self.catalogue(channel), packages, evidence or {})
            found += part.found(subject)
            untraced += part.untraced
            data += part.data
        ordered = sorted(found, key=_order)
        return Audit(
            kind=subject.kind,
            name=subject.name,
            subject=subject.words,
            held=subject.packages,
            exposed=tuple(exposure for exposure in ordered if exposure.finding.stands),
            harmless=tuple(exposure for exposure in ordered if not exposure.finding.stands),
            not_covered=(*map(_shown_name, local), *subject.unknown),
            untraced=tuple(sorted(untraced)),
            unattributed=subject.unattributed,
            data=merged(data),
        )

    def audit_of_many(self, subject: Subject, evidence: Mapping[str, BlobRef] | None = None) -> Audit:
        """As `audit`; a channel that this host does not follow is reported in `unattributed`."""
        try:
            return self.audit(subject, evidence)
        except SubscriptionError as error:
            why = f"advisories about its packages cannot be had: {error.message}"
            return Audit(
                subject.kind, subject.name, subject.words, subject.packages, unattributed=(*subject.unattributed, why)
            )


def _shown_name(package: AuditedPackage) -> str:
    override = f" (override: {package.override})" if package.override else ""
    return f"{package.name} {package.full_version}{override}"


def _order(exposed: Exposed) -> tuple[int, str, str, str]:
    finding = exposed.finding
    return -SEVERITIES.index(finding.severity), str(exposed.package.name), finding.package, finding.advisory.id


class _ChannelAudit:
    """One audit of those packages of a subject that come from one channel."""

    def __init__(
        self,
        host: Host,
        catalogue: Catalogue,
        packages: Sequence[AuditedPackage],
        evidence: Mapping[str, BlobRef],
    ) -> None:
        self._catalogue = catalogue
        self._owner = catalogue.release.distribution
        self._packages = {package.name.inside(self._owner): package for package in packages}
        self._carriers = Carriers(catalogue, evidence)
        self.untraced: list[str] = []
        names = set(self._packages)
        self._known = known_as_far_as_published(host, catalogue.release, names)
        # Every library is a package of the channel; so without any advisory, no linked-in code has to be examined.
        if self._known.advisories or any(package.descriptor for package in packages):
            self._carried = {name: self._carried_by(package) for name, package in self._packages.items()}
        else:
            self._carried = {}
        libraries = {copy.library.inside(self._owner) for copies in self._carried.values() for copy in copies}
        if libraries - names:
            self._known = known_as_far_as_published(host, catalogue.release, names | libraries)

    @property
    def data(self) -> tuple[AdvisorySource, ...]:
        """The lists by which the packages, and the libraries whose code they carry, are judged."""
        return self._known.data

    def found(self, subject: Subject) -> list[Exposed]:
        """Return all findings, in no order."""
        direct = self._known.find((name, package.version, package.revision) for name, package in self._packages.items())
        copied = [
            (name, finding, copy)
            for name, copies in self._carried.items()
            for copy in copies
            for finding, copy in self._of_copy(copy)
        ]
        questions = [(finding.package, finding, None) for finding in direct] + copied
        answers = answer(self._catalogue, [self._question(name, finding, copy) for name, finding, copy in questions])
        return [
            self._exposed(subject, name, finding, copy, history)
            for (name, finding, copy), history in zip(questions, answers, strict=True)
        ]

    def _exposed(
        self, subject: Subject, name: str, finding: AdvisoryFinding, copy: CopiedCode | None, history: Answer
    ) -> Exposed:
        package = self._packages[name]
        command = subject.command(package.name.short) if history.fixed_in else ""
        return Exposed(finding, package, history.since, history.fixed_in, command, copy)

    def _question(self, name: str, finding: AdvisoryFinding, copy: CopiedCode | None) -> Question:
        def is_fixed(entry: ReleaseEntry) -> bool:
            if copy is None:
                return not self._holds(finding, finding.package, Version(entry.version), entry.revision)
            carried = self._carriers.attested(name, entry.provenance)
            return not any(
                self._holds(finding, code.library.inside(self._owner), Version(code.version), code.revision or 1)
                for code in self._exactly(carried.copies)
            )

        return Question(name, self._packages[name].descriptor, is_fixed)

    def _holds(self, finding: AdvisoryFinding, name: str, version: Version, revision: int) -> bool:
        """Whether the finding holds for a build. A dismissed finding counts as fixed only in a build without it."""
        found = self._known.find([(name, version, revision)])
        same = (other for other in found if other.advisory.id == finding.advisory.id)
        return any(other.stands or not finding.stands for other in same)

    def _of_copy(self, copy: CopiedCode) -> Iterator[tuple[AdvisoryFinding, CopiedCode]]:
        """Yield the findings for linked-in code. Without a revision, the code is judged as the first of its version."""
        name, version = copy.library.inside(self._owner), Version(copy.version)
        if not self._known.find([(name, version, copy.revision or 1)]):
            return
        (exact,) = self._exactly([copy])
        for finding in self._known.find([(name, version, exact.revision or 1)]):
            yield finding, exact

    def _exactly(self, copies: Sequence[CopiedCode]) -> list[CopiedCode]:
        return [self._carriers.exactly(copy) for copy in copies]

    def _carried_by(self, package: AuditedPackage) -> tuple[CopiedCode, ...]:
        carried = self._carriers.of(package)
        if not carried.is_known:
            self.untraced.append(f"{package.name.short} {package.full_version}")
        return carried.copies
