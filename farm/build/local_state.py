"""Where local builds keep their results: a directory of blobs, records of finished plans, and the key of this host."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from farm.build.local_logs import LocalLogs
from farm.core.buildlog.log_line import LogLine
from farm.core.buildlog.providers import best_provider, paths_of
from farm.core.fileset.manifest import Directory, Manifest
from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest
from farm.core.names.form import Form
from farm.core.plan.job import BuildOutcome, BuiltPackage
from farm.errors import FarmError
from farm.store.blobs import BlobStore
from farm.store.durable_file import replace_file
from farm.trust.attestation.provenance import claimed_run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.core.buildlog.error_kind import ErrorKind
    from farm.core.package.descriptor import Descriptor


@dataclass(frozen=True, slots=True)
class LocalRecord(Form, record="record of a local build", omitted={"release", "against"}):
    """The record of a plan's outcome: as `BuildOutcome`, and where it is from.

    `release` has published the build (`dist.example.org/edge release 12`); empty if it was built here. `against` is the
    release that its dependencies were taken from, whatever the recipes say: a farm may make another plan from them.
    """

    packages: tuple[BuiltPackage, ...]
    provenance: Digest
    log: Digest
    release: str = ""
    against: str = ""

    @property
    def outcome(self) -> BuildOutcome:
        """The outcome alone."""
        return BuildOutcome(self.packages, self.provenance, self.log)


@dataclass(frozen=True, slots=True)
class LocalState:
    """The directories of local builds. Farms on this host may share `host`: all of it is verified."""

    root: Path
    host: Path

    @property
    def store(self) -> BlobStore:
        """The blobs: packages, sources, logs, provenances, the toolchain's Debian packages."""
        return BlobStore(self.host / "blobs")

    @property
    def packages(self) -> Path:
        """The directory of unpacked packages."""
        return self.host / "packages"

    @property
    def toolchains(self) -> Path:
        """The directory of unpacked toolchains."""
        return self.host / "toolchains"

    @property
    def attempts(self) -> Path:
        """The directory of attempts' directories; shared by the host's workers, so that every janitor sees all."""
        return self.host / "attempts"

    @property
    def kept(self) -> Path:
        """The directory of kept builds."""
        return self.root / "kept"

    @property
    def building(self) -> Path:
        """The directory of locks that say which recipes are being built."""
        return self.root / "building"

    @property
    def logs(self) -> LocalLogs:
        """The logs of builds and tests, as text for people."""
        return LocalLogs.below(self.root)

    @property
    def key(self) -> Path:
        """The key that signs the provenance of local builds."""
        return self.root / "keys" / "worker.pem"

    def outcome(self, plan: Digest, *, without_archives: bool = False) -> BuildOutcome | None:
        """Return the recorded outcome of a plan, if all its blobs are there; archives need not be if so requested."""
        found = self.record_of(plan, without_archives=without_archives)
        return found.outcome if found else None

    def record_of(self, plan: Digest, *, without_archives: bool = False) -> LocalRecord | None:
        """Return the record of a plan's outcome, as `outcome` does."""
        found = self._read(self._record(plan))
        if found is None:
            return None
        outcome = found.outcome
        for package in outcome.packages:
            if not self.store.has(package.descriptor.digest):  # the record has all of it, but does not name its digest
                self.store.put_bytes(package.descriptor.to_json())
        archives = {package.archive.digest for package in outcome.packages} if without_archives else set()
        return found if all(self.store.has(digest) for digest in _blobs(outcome) if digest not in archives) else None

    def _read(self, record: Path) -> LocalRecord | None:
        try:
            return LocalRecord.from_dict(json.loads(record.read_bytes()))
        except (FileNotFoundError, ValueError, FarmError):
            return None  # not built, or the record has an old format: it is built again

    def record(self, plan: Digest, outcome: BuildOutcome, *, release: str = "", against: str = "") -> None:
        """Record the outcome of a plan, completely or not at all, as the newest of its packages.

        `release` and `against` as in `LocalRecord`.
        """
        record = LocalRecord(outcome.packages, outcome.provenance, outcome.log, release, against)
        replace_file(self._record(plan), canonical_json(record.to_dict()) + b"\n")
        self.mark_newest(plan, outcome)

    def mark_newest(self, plan: Digest, outcome: BuildOutcome) -> None:
        """Note that a recorded outcome is the newest of its packages: it was built, or used again, just now."""
        now = time.time_ns()
        for package in outcome.packages:
            mark = self._builds_of(package.descriptor.name.short) / plan.hex
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.touch()
            os.utime(mark, ns=(now, now))

    def builds_of(self, package: str, *, without_archives: bool = False) -> Iterator[LocalRecord]:
        """Yield the recorded builds of a package by its short name, newest first, as far as their blobs are there."""
        try:
            marks = sorted(self._builds_of(package).iterdir(), key=lambda mark: -mark.stat().st_mtime_ns)
        except (FileNotFoundError, NotADirectoryError):
            return
        for mark in marks:
            if found := self.record_of(Digest.from_hex(mark.name), without_archives=without_archives):
                yield found

    def provider_of(self, kind: ErrorKind, subject: str) -> str:
        """Return the short name of a recorded package that provides what a build has missed; empty if none does."""
        paths = set(paths_of(kind, subject))
        names = set()
        for descriptor, manifest in self._newest_packages() if paths else ():
            if any(entry.path in paths for entry in manifest.entries):
                names.add(descriptor.name.short)
        return best_provider(names)

    def providers_of(self, wanted: str) -> Iterator[tuple[Descriptor, str]]:
        """Yield the newest recorded packages that have a file, sorted, with its path in the package.

        `wanted` is a file's name, its path, or a glob over paths.
        """
        for descriptor, manifest in self._newest_packages():
            paths = (entry.path for entry in manifest.entries if not isinstance(entry, Directory))
            yield from (
                (descriptor, path)
                for path in paths
                if wanted in (path, path.rpartition("/")[2]) or fnmatchcase(path, wanted)
            )

    def _newest_packages(self) -> Iterator[tuple[Descriptor, Manifest]]:
        """Yield the newest recorded build of each package, by name, as far as their manifests are here."""
        for place in sorted((self.root / "builds-of").glob("*")):
            package = self._newest(place.name)
            if package and self.store.has(package.manifest.digest):
                yield package.descriptor, Manifest.from_json(self.store.read(package.manifest.digest))

    def _newest(self, package: str) -> BuiltPackage | None:
        """Return the newest recorded build of a package; its archive need not be here."""
        record = next(self.builds_of(package, without_archives=True), None)
        built = record.packages if record else ()
        return next((made for made in built if made.descriptor.name.short == package), None)

    def lines_of(self, log: Digest) -> Iterator[LogLine]:
        """Yield the lines of the log of a test that has ended."""
        with self.store.open(log) as records:
            for number, record in enumerate(map(json.loads, records), 1):
                yield LogLine.of(number, record["stream"], record["step"], record["text"])

    def seconds_of(self, package: str) -> float | None:
        """Return how long the newest recorded build of a package took; None if there is none."""
        record = next(self.builds_of(package, without_archives=True), None)
        return claimed_run(self.store.read(record.provenance)).seconds if record else None

    def _builds_of(self, package: str) -> Path:
        return self.root / "builds-of" / package

    def _record(self, plan: Digest) -> Path:
        return self.root / "builds" / f"{plan.hex}.json"


def _blobs(outcome: BuildOutcome) -> Iterator[Digest]:
    for package in outcome.packages:
        yield from (package.descriptor.digest, package.archive.digest, package.manifest.digest, package.facts.digest)
    yield outcome.provenance
