"""A whole farm in a folder, without Docker and HTTP: signed repository, policy, database, pipelines, signer, checker.

It is made once (`tests.attack.scenario`); each attack runs on a copy of the folder. Its workers are honest: they
carry out what is leased to them, and sign that.
"""

from __future__ import annotations

import socket
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from zstandard import ZstdCompressor

from farm.core.fileset.manifest import File, Manifest
from farm.core.names.digest import Digest
from farm.core.package.facts import PackageFacts
from farm.core.package.layout import package_name
from farm.core.plan.job import BuildOrder, BuiltPackage, TestOrder, TestOutcome
from farm.core.plan.outputs import describe_output
from farm.server.documents.log_store import LogStore
from farm.server.identities import identities
from farm.server.jobs.finishing import finish_build, finish_test
from farm.server.jobs.leases import claim
from farm.server.jobs.provenance_checks import check_with_workers_key
from farm.server.pipeline.channels import Channels
from farm.server.pipeline.publishing.advisory_publication import AdvisoryPublication
from farm.server.pipeline.repository.order_delivery import OrderDelivery
from farm.server.pipeline.repository.signer_client import SignerClient
from farm.server.tables.session import Database
from farm.server.tables.states import JobKind
from farm.server.transaction.planning_inputs import LeasePolicy
from farm.server.transaction.unit_of_work import Application
from farm.store.blobs import BlobStore
from farm.trust.attestation.dsse import sign_statement
from farm.trust.attestation.provenance import BuildRun, build_statement
from farm.trust.metadata.repository import Repository
from tests.farms.people import send, signed
from tests.farms.small import WORLD, Clock, SmallFarm, archive_of, key_of
from tests.server.signed_results import attested

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from securesystemslib.signer import CryptoSigner

    from farm.core.plan.job import BuildOutcome
    from farm.core.plan.plan import Plan
    from farm.server.jobs.leases import Lease
    from farm.server.pipeline.pipeline import Pipeline
    from farm.server.submissions.submission import Submission
    from farm.trust.index.release_index import Release
    from tests.attack.nursery import Nursery

FAILS = "/usr/bin/false"
"""The command of a test that fails, wherever it runs."""
NOT_REPRODUCED = "lone"
"""The recipe whose rebuild has other files."""
_ROUNDS = 12


WORKERS = ("builder", "again", "tester", "mallory")
"""The enrolled workers; all but the last are on the signed lists."""


def own_keys() -> dict[str, CryptoSigner]:
    """Return each worker's key."""
    return {name: key_of(name) for name in WORKERS}


class Hands(SmallFarm):
    """The farm's workers. The signed list trusts what `builder` and `again` build, and what `tester` tests.

    Recipes named in `same` produce the same files under any plan.
    """

    same: frozenset[str] = frozenset()

    def outcome(self, lease: Lease, **how: object) -> BuildOutcome:  # type: ignore[override]
        """What an honest worker reports, with provenance that its key has signed."""
        order = lease.order
        assert isinstance(order, BuildOrder)
        worker = lease.attempt.worker
        if lease.job.name == NOT_REPRODUCED and worker == "again":
            how = {"content": "otherwise"}
        if lease.job.name in self.same:
            how = {"content": "as ever"}
        made = super().outcome(lease, **how)  # type: ignore[arg-type]
        content = str(how.get("content", order.plan.digest)).encode()
        others = (self._output(order.plan, output.name, content) for output in order.plan.outputs)
        made = replace(made, packages=(*made.packages, *others))
        signer = self.signers[worker]
        moments = ("2026-11-24T12:00:00Z", "2026-11-24T12:01:00Z")
        run = BuildRun(signer.public_key.keyid, "1", *moments, Digest.of(b"log"), {}, build=order.build)
        packages = [(package.descriptor, package.archive.digest) for package in made.packages]
        statement = build_statement(order.plan, order.recipe_digest, packages, order.source_origins, run)
        return replace(made, provenance=self.application.blobs.put_bytes(sign_statement(statement, signer)))

    def _output(self, plan: Plan, output: str, content: bytes) -> BuiltPackage:
        """The files of a further output of a build: one file."""
        name = package_name(plan.name.short, output)
        path = f"lib/{name}"
        manifest = Manifest.of([File(path, len(content), Digest.of(content))])
        archive, facts = archive_of(manifest, name, str(plan.version), {path: content}), PackageFacts()
        return BuiltPackage(
            describe_output(plan, output, manifest, facts, Digest.of(archive)),
            self._blob(ZstdCompressor().compress(archive)),
            self._blob(manifest.to_json()),
            self._blob(facts.to_json()),
        )

    def works(self) -> int:
        """Carry out all jobs that are leased to honest workers; return their number."""
        count = 0
        for name in ("builder", "again", "tester"):
            while lease := self._leased(name):
                count += 1
                if isinstance(lease.order, BuildOrder):
                    finish_build(
                        self.application,
                        self.holder(lease),
                        self.outcome(lease),
                        check_provenance=check_with_workers_key,
                    )
                else:
                    self.report_test(lease)
        return count

    def report_test(self, lease: Lease, *, passed: bool | None = None) -> None:
        """Report how a test ended, truthfully or as a lying worker would."""
        assert isinstance(lease.order, TestOrder)
        if passed is None:
            passed = lease.order.test.command[0] != FAILS
        outcome = TestOutcome(passed, 0 if passed else 1, "" if passed else "it failed", Digest.of(b"log"))
        outcome = attested(self.application.blobs, lease.order, outcome, self.signers[lease.attempt.worker])
        finish_test(self.application, self.holder(lease), outcome)

    def _leased(self, name: str) -> Lease | None:
        self.is_heard_of(name)
        return claim(self.application, self.workers[name], known=(JobKind.BUILD, JobKind.TEST))


@dataclass
class AttackedFarm:
    """A farm in `folder`. `errors` are the errors of its control, which a real one logs."""

    folder: Path
    nursery: Nursery
    errors: list[Exception] = field(default_factory=list)
    _pids: list[int] = field(default_factory=list)
    _changes: int = 0
    _served: int | None = None
    """The number of changes after which workers and delivery had nothing left to do."""

    def __post_init__(self) -> None:
        self.database = Database(f"sqlite:///{self.folder / 'farm.db'}")
        blobs, logs = BlobStore(self.folder / "blobs"), LogStore(self.folder / "logs")
        self.application = Application.open(self.database, blobs, logs, WORLD, LeasePolicy())
        self.hands = Hands(self.application, Clock(), signers=own_keys())
        self.signer = SignerClient(self.socket)
        self._watching = sqlite3.connect(self.folder / "farm.db")

    @property
    def public(self) -> Path:
        return self.folder / "public"

    @property
    def socket(self) -> Path:
        return self.folder / "run" / "signer.sock"

    @property
    def images_socket(self) -> Path:
        return self.folder / "run" / "images.sock"

    @property
    def blobs(self) -> BlobStore:
        """The published files, writable by control."""
        return BlobStore(self.public / "blobs")

    def start(self) -> AttackedFarm:
        """Start checker and signer, and wait until both listen."""
        checker = self.folder / "run" / "checker.sock"
        both = {"repository": self.public, "ledger": self.folder / "ledger"}
        self._starts("workers.checker", both | {"socket": checker, "record": self.folder / "record"})
        self._starts(
            "workers.signer",
            both
            | {
                "checker": checker,
                "keys": self.folder / "keys/online",
                "socket": self.socket,
                "images-socket": self.images_socket,
            },
        )
        return self

    def _starts(self, module: str, places: Mapping[str, Path]) -> None:
        sockets = [path for name, path in places.items() if name.endswith("socket")]
        for path in sockets:
            path.unlink(missing_ok=True)
        arguments = [text for name, path in places.items() for text in (f"--{name}", str(path))]
        self._pids.append(self.nursery.start(module, *arguments, log=self.folder / f"{module}.log"))
        for path in sockets:
            _wait_for(path)

    def stop(self) -> None:
        """Stop checker and signer; `start` starts them again."""
        while self._pids:
            self.nursery.stop(self._pids.pop())

    def close(self) -> None:
        self.stop()
        self._watching.close()
        self.database.close()

    def takes_up(self) -> None:
        """Restart control from what its database, its files and the repository now hold."""
        self.channels = Channels(self.application, self.folder / "recipes", self.public, self.signer)
        self.delivery = OrderDelivery(self.application, self.signer)
        self.advisories = AdvisoryPublication(self.application, self.public, self.signer)
        self.enrolled()

    def enrolled(self) -> Hands:
        """Return the workers as they are in the database now."""
        with self.application.reading() as unit:
            self.hands.workers = {worker.name: worker for worker in identities.workers(unit.session)}
        return self.hands

    def rests(self) -> None:
        """Run control and workers until nothing changes any more. An error in control ends its turn.

        One channel after the other works off what it can: all would be asked again at each step of another otherwise.
        """
        said: list[object] = []
        at_rest: dict[str, tuple[int, object]] = {}
        self._served = None
        for _ in range(_ROUNDS):
            changes, failed = self._changes, len(self.errors)
            before, said = said, [self._settles(pipeline, at_rest) for pipeline in self.channels.pipelines()]
            published = self._changing(self.advisories.advance)
            if not published and changes == self._changes and failed == len(self.errors):
                return
            if said == before:
                return

    def _settles(self, pipeline: Pipeline, at_rest: dict[str, tuple[int, object]]) -> object:
        """Do rounds of a pipeline, with the work that they ask for, until it and the workers rest; return its result."""
        said: object = None
        for _ in range(_ROUNDS):
            changes, failed = self._changes, len(self.errors)
            worked = self._serves()
            since, result = at_rest.get(pipeline.channel, (None, None))
            if since == self._changes:
                return result
            before, said = said, self._changing(pipeline.advance)
            if changes == self._changes and failed == len(self.errors):
                at_rest[pipeline.channel] = changes, said
            if not worked and (changes == self._changes or said == before):
                break
        return said

    def _serves(self) -> bool:
        """Let workers and the delivery of orders do what is asked of them; return whether there was any work."""
        if self._served == self._changes:
            return False
        before = self._changes, len(self.errors)
        worked = bool(self._tries(self.hands.works))  # without work, they write only that they are there
        self._changes += worked
        self._changing(self.delivery.deliver)
        if before == (self._changes, len(self.errors)):
            self._served = self._changes
        return worked

    def _changing(self, what: object) -> object:
        """Do something that may write to the database, and count whether it has."""
        written = self._written()
        result = self._tries(what)
        self._changes += written != self._written()
        return result

    def _written(self) -> int:
        """A number that is another one once the database has been written to."""
        number: int = self._watching.execute("PRAGMA data_version").fetchone()[0]
        return number

    def _tries(self, what: object) -> object:
        try:
            return what()  # type: ignore[operator]
        except Exception as error:  # noqa: BLE001  # as the control worker does, which logs it
            self.errors.append(error)
            return None

    def submits(self, *recipes: dict[str, bytes], who: str = "alice") -> Submission:
        """Submit recipes, signed by a person."""
        return send(self.hands, *recipes, envelope=signed(who, *recipes), by=who)

    def release(self, channel: str) -> Release | None:
        return Repository(self.public).current(channel).release


def _wait_for(path: Path) -> None:
    for _ in range(2000):
        with closing(socket.socket(socket.AF_UNIX)) as connection:
            try:
                connection.connect(str(path))
            except OSError:
                time.sleep(0.01)
            else:
                return
    raise AssertionError(f"nobody listens at {path}")
