"""A farm that serves HTTP on a loopback port, and a simple worker that connects to it with a real key."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner
from zstandard import ZstdCompressor

from farm.api.farm_client import FarmClient
from farm.api.worker_client import HeldLease, WorkerClient
from farm.core.fileset.manifest import Directory, File, Manifest
from farm.core.names.digest import Digest
from farm.core.package.descriptor import Descriptor
from farm.core.package.facts import PackageFacts
from farm.core.plan.job import BlobRef, BuildOrder, BuildOutcome, BuiltPackage
from farm.server.documents.log_store import LogStore
from farm.server.identities import access, identities
from farm.server.tables.states import Role
from farm.server.transaction.planning_inputs import LeasePolicy
from farm.server.transaction.unit_of_work import Application
from farm.store.blobs import BlobStore
from farm.trust.attestation.dsse import sign_statement
from farm.trust.attestation.provenance import BuildRun, build_statement
from tests.farms.small import WORLD, archive_of
from web.app import create_app
from web.connections import bounded_protocol
from web.settings import WebSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from farm.core.names.declared import SensitiveFile
    from farm.server.tables.session import Database


@contextmanager
def serving(app: object, settings: WebSettings | None = None, *, port: int = 0) -> Iterator[str]:
    """Serve an application on a free port of the loopback, or on this one; yields its URL."""
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        http=bounded_protocol(settings or WebSettings()),
        host="127.0.0.1",
        port=port,
        log_level="warning",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@dataclass
class ServedFarm:
    application: Application
    url: str
    directory: Path

    def token(self, role: Role = Role.MAINTAINER, *, days: int = 1) -> str:
        with self.application.writing() as unit:
            text, _ = access.issue_token(unit, name=f"some-{role}", role=role, lasts=timedelta(days=days))
        return text

    def client(self, role: Role = Role.MAINTAINER) -> FarmClient:
        return FarmClient(self.url, self.token(role))

    def worker(self, name: str = "one", *, builds: bool = True, tests: bool = True) -> HandMadeWorker:
        key = Ed25519PrivateKey.generate()
        with self.application.writing() as unit:
            public = key.public_key().public_bytes_raw().hex()
            access.enrol(unit, name=name, public_key=public, builds=builds, tests=tests, by="operator")
        return HandMadeWorker(WorkerClient(self.url, name, key), key, BlobStore(self.directory / f"worker-{name}"))

    def refusals(self) -> list[tuple[str, str]]:
        """Actor and error code of all refusals, the oldest first."""
        with self.application.reading() as unit:
            trail = [event for _, event in identities.audit_trail(unit.session, limit=500)]
        return [(event.actor, event.subject) for event in reversed(trail) if not event.allowed]


@dataclass
class HandMadeWorker:
    """Everything that a worker does except building."""

    client: WorkerClient
    key: Ed25519PrivateKey
    store: BlobStore

    def claim(self) -> HeldLease:
        lease = self.client.claim()
        assert lease is not None, "there was nothing to claim"
        return lease

    def outcome(
        self, lease: HeldLease, *, files: Mapping[str, bytes] | None = None, sensitive: tuple[SensitiveFile, ...] = ()
    ) -> BuildOutcome:
        """Make a package and its signed provenance in the worker's own store; it has `files` in addition to its own."""
        order = BuildOrder.from_dict(lease.order)
        plan, text = order.plan, order.plan.digest.encode()
        contents = {"share/x": text, **(files or {})}
        tree = Manifest.of([Directory("share"), *(File(path, len(c), Digest.of(c)) for path, c in contents.items())])
        archive = archive_of(tree, plan.name.short, str(plan.version), contents)
        manifest = tree.to_json()
        facts = PackageFacts().to_json()
        descriptor = Descriptor(
            name=plan.name,
            version=plan.version,
            revision=plan.revision,
            platform=plan.platform,
            tree=Digest.of(manifest),
            diff_id=Digest.of(archive),
            facts=Digest.of(facts),
            plan=plan.digest,
            license=plan.license,
            sensitive_files=sensitive,
        )
        built = BuiltPackage(
            descriptor, self.keep(ZstdCompressor().compress(archive)), self.keep(manifest), self.keep(facts)
        )
        signer = CryptoSigner(self.key)
        run = BuildRun(
            signer.public_key.keyid,
            str(lease.attempt),
            "2026-11-24T12:00:00Z",
            "2026-11-24T12:01:00Z",
            Digest.of(b"log"),
            {},
        )
        statement = build_statement(
            plan, order.recipe_digest, [(descriptor, built.archive.digest)], order.source_origins, run
        )
        return BuildOutcome((built,), self.keep(sign_statement(statement, signer)).digest, Digest.of(b"log"))

    def upload(self, lease: HeldLease, outcome: BuildOutcome) -> None:
        for built in outcome.packages:
            for blob in (built.archive, built.manifest, built.facts):
                self.client.upload_blob(lease, blob.digest, self.store)
        self.client.upload_blob(lease, outcome.provenance, self.store)

    def build(self) -> HeldLease:
        lease = self.claim()
        outcome = self.outcome(lease)
        self.upload(lease, outcome)
        self.client.finish(lease, outcome.to_dict())
        return lease

    def keep(self, content: bytes) -> BlobRef:
        return BlobRef(self.store.put_bytes(content), len(content))


@contextmanager
def served_farm(
    database: Database, directory: Path, *, settings: WebSettings | None = None, terms: LeasePolicy | None = None
) -> Iterator[ServedFarm]:
    blobs, logs = BlobStore(directory / "blobs"), LogStore(directory / "logs")
    application = Application.open(database, blobs, logs, WORLD, terms or LeasePolicy())
    quick = replace(settings or WebSettings(), follow_seconds=0.05)
    with serving(create_app(application, quick)) as url:
        yield ServedFarm(application, url, directory)
