"""A farm with a history: packages that need each other, jobs and their logs, releases, a refused candidate."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from zstandard import ZstdCompressor

from farm.api.log_lines import encode_record
from farm.core.fileset.manifest import File, Link, Manifest
from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest
from farm.core.package.descriptor import Descriptor
from farm.core.package.facts import ElfFile, PackageFacts, PkgConfigModule
from farm.core.plan.job import BlobRef, BuildOrder, BuildOutcome, BuiltPackage
from farm.core.plan.outputs import describe_output
from farm.core.policy.gate_kind import GateKind
from farm.core.sets.members.package_set import set_digest
from farm.core.sets.proof.proof import ProofScope
from farm.server.channels import candidates, excuses, releases
from farm.server.channels.candidates import Source
from farm.server.jobs import jobs, work_orders
from farm.server.jobs.finishing import finish_build
from farm.server.packages import packages
from farm.server.tables.pipeline_states import CandidateOrigin, CandidateState, GateState
from farm.server.tables.states import JobKind, JobState
from farm.server.transaction.planning_inputs import LeasePolicy
from tests.core.sets.values import elf
from tests.farms.small import SmallFarm, accept_provenance
from web.pages.release_needs import providers_by_capability

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path
    from typing import Self

    from farm.server.channels.excuses import Excuse
    from farm.server.jobs.leases import Lease
    from farm.server.tables.evidence import TestEvidence
    from farm.server.tables.records import Package
    from farm.server.tables.session import Database

LIBC = ("soname:libc.so.6", "interpreter:/lib64/ld-linux-x86-64.so.2")
LOADER = "lib/ld-linux-x86-64.so.2"
SYMBOL = (
    "jq 1.7.1-1: bin/jq imports the symbol onig_search_with_param, "
    "which none of the libraries that it loads exports (oniguruma 6.9.9-2: lib/libonig.so.5)"
)


@dataclass(frozen=True)
class Sample:
    name: str
    version: str
    summary: str
    license: str
    needs: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    size: int = 100_000
    revision: int = 1
    flag: str = ""

    def recipe(self) -> dict[str, bytes]:
        text = f"""\
name: {self.name}
version: "{self.version}"
revision: {self.revision}
summary: {json.dumps(self.summary)}
license: {self.license}
toolchain: c
build-needs: [{", ".join(self.needs)}]
source:
  url: https://{self.name}.example.org/releases/{self.name}-{self.version}.tar.gz
  sha256: {Digest.of(self.name.encode()).hex}
steps:
  - run: ./configure --prefix=/usr {self.flag}
  - run: make
  - run: make install DESTDIR=/out
"""
        if LIBC[1] in self.provides:
            text += f"links: {{/usr/lib64/ld-linux-x86-64.so.2: {LOADER}}}\n"
        return {"recipe.yaml": text.encode()}


SAMPLES = (
    Sample("glibc", "2.41", "The C library", "LGPL-2.1-or-later",
           provides=(*LIBC, "soname:libm.so.6"), size=11_400_000),
    Sample("zlib", "1.3.1", "Compression library of the deflate algorithm", "Zlib",
           provides=("soname:libz.so.1", "pkgconfig:zlib"), requires=LIBC[:1], size=141_000),
    Sample("ncurses", "6.5", "Terminal handling: terminfo, its database and the curses library", "MIT",
           provides=("soname:libncursesw.so.6", "soname:libtinfo.so.6", "command:tput", "command:infocmp"),
           requires=LIBC, size=3_900_000),
    Sample("readline", "8.2", "Line editing with history", "GPL-3.0-or-later", needs=("ncurses",),
           provides=("soname:libreadline.so.8", "soname:libhistory.so.8"),
           requires=(LIBC[0], "soname:libtinfo.so.6"), size=612_000),
    Sample("bash", "5.2.37", "The GNU Bourne-Again shell", "GPL-3.0-or-later", needs=("readline", "ncurses"),
           provides=("command:bash", "command:sh", "interpreter:/usr/bin/bash", "interpreter:/usr/bin/sh"),
           requires=(*LIBC, "soname:libreadline.so.8", "soname:libtinfo.so.6"), size=1_870_000),
    Sample("oniguruma", "6.9.9", "Regular expressions library with many encodings", "BSD-2-Clause",
           provides=("soname:libonig.so.5", "pkgconfig:oniguruma"), requires=LIBC[:1], size=702_000),
    Sample("jq", "1.7.1", "Command-line JSON processor", "MIT", needs=("oniguruma",),
           provides=("command:jq", "soname:libjq.so.1"),
           requires=(*LIBC, "soname:libm.so.6", "soname:libonig.so.5"), size=418_000),
    Sample("pcre2", "10.45", "Perl-compatible regular expressions", "BSD-3-Clause", needs=("zlib",),
           provides=("soname:libpcre2-8.so.0", "command:pcre2grep"),
           requires=(*LIBC, "soname:libz.so.1"), size=905_000),
    Sample("grep", "3.11", "Prints lines that match patterns", "GPL-3.0-or-later", needs=("pcre2",),
           provides=("command:grep", "command:egrep"), requires=(*LIBC, "soname:libpcre2-8.so.0"), size=377_000),
)  # fmt: skip


def log_record(text: str, *, step: str = "build", stream: str = "stdout", severity: str = "", at: str = "") -> bytes:
    severity = severity or ("warning" if stream == "stderr" else "info")
    record = {"time": at or "2026-11-24T12:00:00.000000Z", "stream": stream, "severity": severity}
    return encode_record({**record, "step": step, "text": text})


BUILDS = Source(CandidateOrigin.COLLECTED)


def taken_from(channel: str, number: int) -> Source:
    return Source(CandidateOrigin.COLLECTED, channel, number)


@dataclass
class StockedFarm(SmallFarm):
    """A small farm with the sample packages, which it builds and releases as a test asks, without a pipeline."""

    @classmethod
    def open(
        cls, database: Database, directory: Path, policy: LeasePolicy | None = None, *, real_time: bool = False
    ) -> Self:
        return super().open(database, directory, policy or LeasePolicy(lease=timedelta(hours=1)), real_time=real_time)

    def log(self, attempt_id: int, *records: bytes) -> None:
        logs = self.application.logs
        logs.append(attempt_id, logs.size(attempt_id), b"".join(records), limit=1 << 30)

    def begin(self, sample: Sample, *, worker: str = "one") -> Lease:
        """Submit a recipe and let a worker take its job."""
        submitted = self.submit(sample.recipe())
        return self.claim(worker, hint=submitted.accepted[0].job.id)

    def build(self, sample: Sample, *, worker: str = "one", seconds: float = 42) -> Package:
        """Submit, build and finish, with a short log."""
        lease = self.begin(sample, worker=worker)
        self.log(
            lease.attempt.id,
            log_record(f"fetching {sample.name}-{sample.version}.tar.gz", step="", stream="farm"),
            log_record("checking for gcc... gcc", step="configure"),
            log_record("  CC       main.o"),
            log_record("main.c:12:5: warning: unused variable 'i'", stream="stderr"),
        )
        self.clock.passes(seconds)
        finish_build(
            self.application,
            self.holder(lease),
            self._outcome(lease, sample),
            check_provenance=accept_provenance,
        )
        with self.application.reading() as unit:
            return packages.builds_of(unit.session, sample.name, limit=1)[0]

    def build_samples(self, samples: Iterable[Sample] = SAMPLES) -> list[Package]:
        return [self.build(sample, worker=("one", "two")[index % 2]) for index, sample in enumerate(samples)]

    def channel(
        self, name: str, gates: Sequence[str | Mapping[str, object]] = ("proof", "tests"), *, origin: str = ""
    ) -> None:
        spelt = [{"gate": gate} if isinstance(gate, str) else gate for gate in gates]
        policy = {"from": origin, "gates": spelt, "name": name, "rebuild": "static-consumers"}
        with self.application.writing() as unit:
            releases.ensure_channel(unit.session, name, canonical_json(policy).decode())

    def candidate(self, channel: str, members: Sequence[Package], *, source: Source = BUILDS) -> int:
        """Put the change from the newest release to these packages before the gates."""
        if channel not in self.channels():
            self.channel(channel)
        with self.application.writing() as unit:
            newest = releases.newest_release(unit.session, channel)
            number = newest.number if newest else 0
            before = releases.release_set(unit.session, channel, number)
            after = {member.name: member.digest for member in members}
            changes = {
                name: (before.get(name), after.get(name))
                for name in before.keys() | after.keys()
                if before.get(name) != after.get(name)
            }
            added = candidates.add_candidate(
                unit.session, channel, changes, base_number=number, source=source, now=unit.now
            )
            return added.id

    def channels(self) -> list[str]:
        with self.application.reading() as unit:
            return releases.channels(unit.session)

    def gate(self, candidate: int, gate: str, state: str, summary: str, tests: TestEvidence | None = None) -> None:
        with self.application.writing() as unit:
            candidates.record_gate(
                unit.session, candidate, GateKind(gate), GateState(state), summary, tests=tests, now=unit.now
            )

    def release(self, channel: str, members: Sequence[Package], *, source: Source = BUILDS) -> int:
        candidate_id = self.candidate(channel, members, source=source)
        self.gate(candidate_id, "proof", "passed", ProofScope(packages=len(members), symbols=7).summary)
        self.gate(candidate_id, "tests", "passed", "17 tests passed")
        self.clock.passes(95)
        with self.application.writing() as unit:
            session = unit.session
            previous = releases.newest_release(session, channel)
            number = previous.number + 1 if previous else 1
            changes = {change.name: change.after for change in candidates.changes_of(session, candidate_id)}
            record = releases.add_release(
                session,
                channel=channel,
                number=number,
                candidate_id=candidate_id,
                digest=Digest.of(f"{channel} {number}".encode()),
                set_digest=set_digest(member.digest for member in members),
                previous=previous.digest if previous else None,
                packages=len(members),
                changes=changes,
                needs=self._needs(members),
                trace="t",
                now=unit.now,
            )
            releases.mark_published(session, record.id, now=unit.now)
            candidates.decide(session, candidate_id, CandidateState.RELEASED, reason=f"release {number}", now=unit.now)
            excuses.clear(session, channel, changes, by=f"{channel} release {number}", now=unit.now)
        self.clock.passes(5)
        return number

    def _needs(self, members: Sequence[Package]) -> dict[str, set[str]]:
        descriptors = [Descriptor.from_json(self.application.blobs.read(member.digest)) for member in members]
        providers = providers_by_capability(descriptors)
        return {
            descriptor.name.short: {name for required in descriptor.requires for name in providers.get(required, ())}
            for descriptor in descriptors
        }

    def hold_back(self, candidate_id: int, *held: Excuse) -> None:
        """Give a candidate these excuses."""
        with self.application.writing() as unit:
            candidate = candidates.candidate(unit.session, candidate_id)
            assert candidate is not None
            excuses.hold_back(unit.session, candidate.channel, candidate_id, held, now=unit.now)

    def refuse(self, channel: str, members: Sequence[Package], held: Sequence[Excuse]) -> int:
        candidate_id = self.candidate(channel, members)
        self.gate(candidate_id, "proof", "failed", f"{len(held)} problems")
        self.hold_back(candidate_id, *held)
        with self.application.writing() as unit:
            candidates.decide(
                unit.session, candidate_id, CandidateState.REFUSED, reason="nothing of it passed", now=unit.now
            )
        return candidate_id

    def test_job(self, package: Package, test: str, candidate: int | None = None) -> int:
        """Request a test; nobody can lease it, as its order is a dummy, but it can be read."""
        with self.application.writing() as unit:
            body = canonical_json({"test": test, "subject": package.digest}).decode()
            digest = Digest.of(body.encode())
            work_orders.keep_test(unit.session, digest, subject=package.digest, test=test, body=body)
            job = jobs.add_job(
                unit.session, kind=JobKind.TEST, name=package.name, trace="t", now=unit.now, subject=digest
            )
            jobs.move(unit.session, job, JobState.CANCELLED, now=unit.now)
            if candidate is not None:
                candidates.note_test(unit.session, candidate, job.id)
            return job.id

    def _outcome(self, lease: Lease, sample: Sample) -> BuildOutcome:
        assert isinstance(lease.order, BuildOrder)
        plan, store = lease.order.plan, self.application.blobs
        store.put_bytes(sample.name.encode())  # its source, which the worker has uploaded
        content = Digest.of(plan.digest.encode())
        program, named = "bin/" + sample.name, [capability.partition(":")[::2] for capability in sample.provides]
        libraries = [f"lib/{name}" for kind, name in named if kind == "soname"]
        commands = {sample.name, *(name for kind, name in named if kind == "command")}
        manifest = Manifest.of([
            *(File(f"bin/{name}", sample.size * 2, content, executable=True) for name in sorted(commands)),
            *(File(path, sample.size, content, executable=path == LOADER) for path in libraries),
            *([File(LOADER, 1, content, executable=True)] if plan.links else []),
            File("share/licenses/COPYING", 18_092, Digest.of(b"license")),
            Link(f"{program}-link", sample.name),
        ])  # fmt: skip
        needed = [
            requirement.removeprefix("soname:") for requirement in sample.requires if requirement.startswith("soname:")
        ]
        interpreter = f"/lib64/{LOADER.removeprefix('lib/')}" if LIBC[1] in sample.requires else ""
        files = [(program, replace(elf(needs=needed), interpreter=interpreter))]
        files += [(path, elf(soname=path.removeprefix("lib/"))) for path in libraries]
        facts = PackageFacts(
            elf=tuple(ElfFile(path, parsed) for path, parsed in sorted(files)),
            commands=tuple(sorted({*commands, f"{sample.name}-link"})),
            pkg_config=tuple(PkgConfigModule(name, sample.version) for kind, name in named if kind == "pkgconfig"),
        )
        descriptor = describe_output(plan, "", manifest, facts, content)
        archive = _archive(plan.digest.encode(), sample.size // 100)  # a hundredth: the pages read only its size
        blobs = [BlobRef(store.put_bytes(blob), len(blob)) for blob in (archive, manifest.to_json(), facts.to_json())]
        built = BuiltPackage(descriptor, *blobs)
        return BuildOutcome((built,), store.put_bytes(b"signed"), Digest.of(b"log"))


def _archive(content: bytes, size: int) -> bytes:
    """Return an archive of this content with this size: the rest is in a frame that readers skip."""
    archive = ZstdCompressor().compress(content)
    left = size - len(archive) - 8
    return archive + struct.pack("<II", 0x184D2A50, left) + bytes(left)
