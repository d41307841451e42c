"""Messages between the farm's processes, and the records of signer and checker."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from farm.api.wire import BUILD_WAKE
from farm.checker.reading.published_identities import PublishedRecord
from farm.cli.operate.farm_home import FarmHome
from farm.container.attempt_directory import attempt_name, written_lease
from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest
from farm.core.names.printed_version import PrintedIdentity
from farm.errors import FarmError
from farm.server.application import FarmSettings
from farm.server.identities.identities import token_digest
from farm.server.pipeline.repository.signer_client import (
    ImageSignerClient,
    SignerClient,
    SignerRefusedError,
    SignerUnreachableError,
)
from farm.signing.consistency import PinnedRepository
from farm.signing.entries import ReportOpened
from farm.signing.ledger import Ledger, LedgerReader
from farm.trust.keys.signers import Signers
from farm.trust.metadata.repository import Repository
from tests.formats import kept
from tests.formats.reading.documents import KINDS
from workers.broker import celery_app
from workers.build_settings import BuildSettings
from workers.checker import checker_app
from workers.checker_client import NoCheckerError
from workers.refusals import read_refusal
from workers.signer import signer_app

if TYPE_CHECKING:
    from collections.abc import Sequence

_EVIDENCE = Digest.of(b"evidence")


class _LostError(FarmError):
    code = "lost"


class Canned:
    """A checker that gives a stored answer, or refuses, or is unreachable."""

    def __init__(self, error: FarmError | None = None) -> None:
        self._error = error

    def _say(self, name: str) -> Any:
        if self._error:
            raise self._error
        return KINDS[name.partition("/")[0]].read(kept.document(name))

    def release(self, content: bytes, evidence: str) -> Any:
        assert KINDS["release"].read(content)
        assert evidence == _EVIDENCE
        return self._say("verified-release/full")

    def order(self, _content: bytes) -> Any:
        return self._say("checked-order/full")

    def advisories(self, content: bytes) -> Any:
        return replace(self._say("checked-lists/full"), asked=Digest.of(content))

    reviews = advisories

    def image(self, _content: bytes) -> Any:
        return self._say("checked-image/full")

    def check(self, release: Any, _evidence: Digest) -> Any:
        return replace(self._say("verified-release/full"), release=release.digest)

    def check_order(self, envelope: bytes) -> Any:
        from farm.trust.attestation.curator_order import kept_order  # noqa: PLC0415

        return replace(self._say("checked-order/full"), asked=Digest.of(envelope), order=kept_order(envelope).digest)

    check_advisories = check_reviews = advisories


def refusal() -> FarmError:
    """Return an error with everything of it that one process sends to another."""
    error = _LostError("the blob is gone", remedy="Put it back.")
    error.by_package = {"jq": ("it is gone", "Build it again.")}
    error.lost_blobs = (Digest.of(b"blob"),)
    return error


def checker_answers() -> list[Any]:
    """Return what the checker's application answers to each question, and how it refuses."""
    asked = [
        (f"/releases?evidence={_EVIDENCE}", kept.document("release/importing")),
        ("/orders", kept.read("signed/order-hold.json")),
        ("/advisories", kept.document("advisory-index/full")),
        ("/reviews", kept.document("reviews/full")),
        ("/images", kept.document("asked-image/plain")),
    ]
    found = []
    for checks in (Canned(), Canned(refusal())):
        found += _answers(checker_app(checks), asked)  # type: ignore[arg-type]
    again = read_refusal(json.dumps(found[-1][-1]).encode())
    return [*found, ["read", again.code, again.message, again.remedy, dict(again.by_package), list(again.lost_blobs)]]


def signer_answers(own: Path, ledger: Path) -> list[Any]:
    """Return the answers of the signer's application, which holds no key here and signs nothing."""
    memory = Ledger(ledger)
    repository = PinnedRepository(own, memory)
    newest = Repository(own).current("edge").release
    assert newest
    report = ReportOpened("edge", 4, Digest.of(b"jq"), "jq 1.0-1", "it crashes")
    asked = [
        (f"/releases?evidence={_EVIDENCE}", newest.to_json()),
        ("/orders", kept.read("signed/order-hold.json")),
        ("/reports", canonical_json(report.to_dict())),
        ("/advisories", kept.document("advisory-index/full")),
        ("/reviews", kept.document("reviews/full")),
    ]
    found = []
    for checker in (Canned(), Canned(refusal()), Canned(NoCheckerError("nobody is there", remedy="Start it."))):
        found += _answers(signer_app(repository, Signers(), checker, memory), [*asked, ("/health", None)])  # type: ignore[arg-type]
    return found


def _answers(app: Any, asked: Sequence[tuple[str, bytes | None]]) -> list[list[Any]]:
    async def ask() -> list[list[Any]]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://process") as client:
            found = []
            for path, content in asked:
                answer = await (client.get(path) if content is None else client.post(path, content=content))
                found.append([path, answer.status_code, answer.headers["content-type"], answer.json()])
            return found

    return asyncio.run(ask())


def ask_signer(path: Path) -> list[Any]:
    """Send a signer every request of control and the registry; return how each ended."""
    signer, images = SignerClient(path), ImageSignerClient(path)
    release, index, reviews = (
        KINDS[name.partition("/")[0]].read(kept.document(name))
        for name in ("release/importing", "advisory-index/full", "reviews/full")
    )
    asked = [
        lambda: signer.sign(release, _EVIDENCE),
        lambda: signer.take_order(b"{}"),
        lambda: signer.take_report(b"{}"),
        lambda: signer.publish_advisories(index),
        lambda: signer.publish_reviews(reviews),
        lambda: images.attest(kept.document("asked-image/plain")).decode(),
    ]
    found: list[Any] = []
    for request in asked:
        try:
            found.append(request())
        except SignerRefusedError as error:
            found.append([error.said, error.message, error.remedy, dict(error.by_package), list(error.lost_blobs)])
        except SignerUnreachableError as error:
            found.append([error.code, error.message, error.remedy])
    return found


def remembered(ledger: Path, record: Path) -> dict[str, Any]:
    """Return the values of a signer's ledger and of a checker's record."""
    reader, known = LedgerReader(ledger), PublishedRecord(record)
    lines = [
        [line.number, line.at.isoformat(), line.previous, line.entry.kind, line.entry.to_dict()]
        for line in reader.lines()
    ]
    stay = known.stay("edge", "jq-doc")
    assert stay
    identity = PrintedIdentity("jq", "1.0", 1, 1)
    return {
        "lines": lines,
        "state": KINDS["ledger-state"].says(reader.state()),
        "trees": [str(tree) for tree in known.trees_of(identity)],
        "channels": sorted(known.channels_of(stay.descriptor)),
        "stay": [stay.descriptor, stay.since.isoformat(), stay.until and stay.until.isoformat()],
        "highest": known.highest_build(["jq", "zlib"], "1.0", 1),
        "last": [str(known.last_held(channel, "jq")) for channel in ("edge", "stable", "none")],
        "taken": known.newest_taken("edge", "edge", "other.example/openssl"),
    }


def record_text(path: Path) -> str:
    """Return a checker's record as SQL."""
    with closing(sqlite3.connect(path)) as rows:
        (version,) = rows.execute("PRAGMA user_version").fetchone()
        return "\n".join([*rows.iterdump(), f"PRAGMA user_version = {version};"]) + "\n"


def names() -> dict[str, Any]:
    """Return the names under which messages pass through the broker, and the names of leases and attempts."""
    app = celery_app("formats", "memory://", "farm-formats")
    asked = ("task_serializer", "accept_content", "task_acks_late", "timezone")
    return {
        "wake": [BUILD_WAKE, BUILD_WAKE],
        "celery": {name: getattr(app.conf, name) for name in asked},
        "lease": token_digest("token"),
        "attempt": attempt_name("token"),
    }


def lease_in(folder: Path) -> list[Any] | None:
    """Return the files of an attempt's directory."""
    lease = written_lease(folder)
    return lease and [lease.owner, lease.until and [lease.until.clock, lease.until.seconds]]


def settings(path: Path) -> Any:
    """Return what a program reads from its settings file."""
    read = BuildSettings.read if path.name == "worker.json" else FarmSettings.read
    return json.loads(read(path).model_dump_json())


def home_layout() -> list[str]:
    """Return the paths of the parts of a farm's home."""
    home = FarmHome(Path("/srv/farm"), Path("/srv/host"), 8000)
    return [
        str(path)
        for path in (
            home.public,
            home.run,
            home.redis,
            home.signer,
            home.image_signer,
            home.checker,
            home.ledger,
            home.record,
            home.token,
            home.web_settings,
            home.control_settings,
            home.users,
            home.worker(1),
        )
    ]
