"""HTTP between programs and the farm: recorded once, and replayed to the current clients."""

from __future__ import annotations

import base64
import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner

from farm.api.curator_client import CuratorClient
from farm.api.errors import RefusedRequestError
from farm.api.farm_client import FarmClient
from farm.api.log_lines import check_lines, encode_record
from farm.api.signing import SignedWorkerRequest, read_signed
from farm.api.worker_client import WorkerClient
from farm.container.log_record import LogRecord
from farm.core.names.digest import Digest
from farm.core.package.descriptor import Descriptor
from farm.server.documents.log_store import LogStore
from farm.server.tables.session import Database
from farm.server.transaction.planning_inputs import LeasePolicy
from farm.server.transaction.unit_of_work import Application
from farm.store.blobs import BlobStore
from farm.trust.attestation.approval import approval_statement
from farm.trust.attestation.curator_order import NO_RELEASE, Act, CuratorOrder, kept_order, order_statement
from farm.trust.attestation.dsse import sign_statement
from farm.trust.attestation.submission_statement import SignedSubmission, submission_statement
from tests.core.advisories.osv_documents import openvex, osv
from tests.farms.served import HandMadeWorker, serving
from tests.farms.small import WORLD, recipe
from tests.formats.keys import key
from web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MOMENT = 1767323045
_REQUEST = (
    "authorization",
    "content-type",
    "farm-worker",
    "farm-time",
    "farm-nonce",
    "farm-body",
    "farm-signature",
    "farm-lease",
)
_ANSWER = (
    "content-type",
    "location",
    "cache-control",
    "retry-after",
    "www-authenticate",
    "farm-size",
    "etag",
    "content-length",
)
_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
_SEED = b"the key of the worker of formats"


def converse(url: str, tokens: dict[str, str], folder: Path) -> dict[str, Any]:
    """Send every request that clients can send, one after the other; return the answers as plain values."""
    found: dict[str, Any] = {}

    def ask(name: str, what: Callable[[], Any]) -> Any:
        try:
            result = what()
        except RefusedRequestError as error:
            found[name] = ["refused", error.status, error.message, error.remedy]
            return None
        found[name] = _plain(result)
        return result

    with FarmClient(url, tokens["maintainer"]) as farm, FarmClient(url, tokens["admin"]) as admin:
        _maintain(ask, farm, admin)
        worker = _work(ask, url, folder)
        _look(ask, farm)
        with CuratorClient(url, tokens["curator"]) as curator:
            _curate(ask, curator)
        with CuratorClient(url, tokens["curator"]) as advising:
            _advise(ask, advising)
    worker.client.close()
    return found


def _maintain(ask: Any, farm: FarmClient, admin: FarmClient) -> None:
    ask("submit", lambda: farm.submit({"a": recipe("a"), "b": recipe("b", needs=("a",)), "c": recipe("c")}))
    ask("submit-nonsense", lambda: farm.submit({"a": {"recipe.yaml": b"name: [\n"}}))
    public = CryptoSigner(_key()).public_key.keyval["public"]
    ask("enrol", lambda: admin.enrol("formats", str(public), ("build", "test")))
    ask("enrol-unasked", lambda: farm.enrol("formats", str(public), ("build",)))
    ask("token", lambda: admin.issue_token("someone", "maintainer", days=30))


def _work(ask: Any, url: str, folder: Path) -> HandMadeWorker:
    client = WorkerClient(url, "formats", _key(), clock=lambda: MOMENT)
    worker = HandMadeWorker(client, _key(), BlobStore(folder / "worker"))
    line = encode_record(LogRecord(MOMENT, "stdout", "make", "building …").to_dict())
    check_lines(line)
    lease = ask("claim", client.claim)
    ask("heartbeat", lambda: client.heartbeat(lease) > 0)
    ask("log", lambda: client.append_log(lease, 0, line))
    ask("log-at-the-wrong-place", lambda: client.append_log(lease, 7, line))
    outcome = worker.outcome(lease)
    ask("upload", lambda: worker.upload(lease, outcome))
    ask("finish", lambda: client.finish(lease, outcome.to_dict()))
    ask("finish-again", lambda: client.finish(lease, outcome.to_dict()))
    archive = outcome.packages[0].archive
    ask("fetch", lambda: client.fetch_blob(archive.digest, BlobStore(folder / "fetched"), size=archive.size))
    ask("fetch-what-is-not-there", lambda: client.has_blob(Digest.of(b"nothing")))
    again = ask("claim-again", client.claim)
    ask("release", lambda: client.release(again, error="the disk is full"))
    third = ask("claim-once-more", client.claim)
    ask("fail", lambda: client.fail(third, code="build-failed", message="make: *** Error 2"))
    return worker


def _look(ask: Any, farm: FarmClient) -> None:
    ask("jobs", farm.jobs)
    ask("job", lambda: farm.job(_plain(farm.jobs())["jobs"][-1]["id"]))
    ask("job-that-is-none", lambda: farm.job(4711))
    ask("log-of-job", lambda: farm.log(_plain(farm.jobs(name="a"))["jobs"][0]["id"]))
    ask("submissions", farm.submissions)
    ask("submission", lambda: farm.submission(_plain(farm.submissions())["submissions"][0]["id"]))
    ask("submission-contents", lambda: farm.submission_contents(_plain(farm.submissions())["submissions"][0]["id"]))
    ask("packages", farm.packages)
    ask("package", lambda: farm.package("jq"))
    ask("copies", lambda: farm.copies("zlib"))
    ask("distribution", farm.distribution)
    ask("channels", farm.channels)
    ask("channel", lambda: farm.channel("edge"))
    ask("releases", lambda: farm.releases("edge"))
    ask("a-release", lambda: farm.release("edge", 2))
    ask("release-changes", lambda: farm.release_changes("edge", 1, 2))
    ask("candidates", lambda: farm.candidates("edge"))
    ask("candidate", lambda: farm.candidate("edge", 3))
    ask("excuses", lambda: farm.excuses("edge"))
    ask("follow", lambda: list(farm.follow(6)))
    ask("records", lambda: list(farm.log_records(6)))
    waits = _signed(submission_statement(SignedSubmission(WORLD.distribution, "alice", {"c": Digest.of(b"c")}, _AT)))
    ask("accept", lambda: farm.accept(6, waits))
    ask("withdraw-submission", lambda: farm.withdraw_submission(6, why="no"))
    ask("retry", lambda: farm.retry(_plain(farm.jobs(name="c"))["jobs"][0]["id"]))
    ask("cancel", lambda: farm.cancel(_plain(farm.jobs(name="c"))["jobs"][0]["id"]))


def _curate(ask: Any, curator: CuratorClient) -> None:
    ask("freeze", lambda: curator.freeze("edge", why="the fair"))
    ask("thaw", lambda: curator.thaw("edge"))
    ask("hold", lambda: curator.hold("edge", "jq", why="it stays"))
    ask("lift", lambda: curator.lift("edge", "jq"))
    ask("report", lambda: curator.report("edge", "jq", why="it crashes"))
    ask("reports", lambda: curator.reports("edge"))
    ask("resolve", lambda: curator.resolve(1))
    ask("in-question", lambda: curator.in_question("stable"))
    ((digest, descriptor),) = [
        (package["digest"], Descriptor.from_json(curator.descriptor(package["digest"])))
        for package in curator.in_question("stable")["packages"]
        if package["package"] == "jq"
    ]
    details: dict[str, Any] = {"channel": "stable", "curator": "alice", "at": _AT, "distribution": WORLD.distribution}
    ask("approve", lambda: curator.approve("stable", [_signed(approval_statement(descriptor, **details))]))
    ask("approve-nonsense", lambda: curator.approve("stable", [_signed({"_type": "x"})]))
    ask("revocable-approvals", lambda: curator.revocable("stable", curator="alice", package="jq"))
    taken_back = _order(Act.WITHDRAW_APPROVAL, "stable", packages={"jq": Digest(digest)})
    ask("withdraw", lambda: curator.withdraw("stable", curator="alice", packages=["jq"], why="no", envelope=taken_back))
    ask("signed-order", lambda: curator.signed_order(kept_order(taken_back).digest))
    ask(
        "withdraw-approvals-with-signer",
        lambda: curator.withdraw_approvals_with_signer("stable", {"jq": Digest(digest)}, why="so", envelope=taken_back),
    )
    gone = Digest.of(b"an order")
    ended = _order(Act.WITHDRAW_ORDER, "edge", target=gone)
    ask(
        "withdraw-order-with-signer", lambda: curator.withdraw_order_with_signer("edge", gone, why="so", envelope=ended)
    )
    closed = _order(Act.CLOSE_REPORT, "edge", target=Digest(digest), number=1)
    ask("close-with-signer", lambda: curator.close_with_signer("edge", 1, Digest(digest), envelope=closed))
    ask("retry-held", lambda: curator.retry_held("edge", packages=["jq"], why="again"))
    ask("rollback", lambda: curator.rollback("edge", 1, why="too new"))
    ask("orders", lambda: curator.orders("edge"))
    ask("withdraw-order", lambda: curator.withdraw_order("edge", 1, why="no"))
    ask("promote", lambda: curator.promote("stable", origin="edge", why="now"))
    ask("revocable", lambda: curator.revocable("stable", curator="alice", package="jq"))
    ask("trail", curator.trail)


def _advise(ask: Any, advising: CuratorClient) -> None:
    ask("add-advisory", lambda: advising.add_advisory(json.loads(osv(package="jq"))))
    ask("state", lambda: advising.state(json.loads(openvex())))
    ask("review", lambda: advising.review(["jq"], "https://tracker.example.net/", "2026-01-01T00:00:00Z"))
    ask("reviews", advising.reviews)
    ask("advisory", lambda: advising.advisory("EXAMPLE-2026-1"))
    ask("advisories", lambda: list(advising.advisories()))


def _signed(statement: Any) -> bytes:
    return sign_statement(statement, key("alice"))


def _order(act: Act, channel: str, **said: Any) -> bytes:
    about: dict[str, Any] = {
        "base": NO_RELEASE,
        "curator": "alice",
        "reason": "so",
        "at": _AT,
        "expires": _AT + timedelta(days=1),
    }
    return _signed(
        order_statement(CuratorOrder(act=act, distribution=WORLD.distribution, channel=channel, **about, **said))
    )


def _key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(_SEED)


def _plain(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if hasattr(value, "token"):  # a lease
        return [value.attempt, value.job, value.token, value.seconds, value.kind, Digest.of_json(value.order)]
    return value if isinstance(value, dict | list | str | int | float | bool) else None


class _Tape:
    """All that was sent over the wire."""

    def __init__(self, exchanges: list[dict[str, Any]]) -> None:
        self.exchanges = exchanges

    def record(self, send: Any) -> Any:
        def recorded(transport: Any, request: httpx.Request) -> httpx.Response:
            sent = _request(request)
            response = send(transport, request)
            content = response.read()
            answer = {
                "status": response.status_code,
                "headers": _only(response.headers, _ANSWER),
                "body": _text(content),
            }
            self.exchanges.append({"request": sent, "answer": answer})
            return httpx.Response(response.status_code, headers=_plain_headers(response.headers), content=content)

        return recorded

    def play(self, request: httpx.Request) -> httpx.Response:
        expected = self.exchanges.pop(0)
        assert _unsigned(_request(request)) == _unsigned(expected["request"])
        if "farm-signature" in request.headers:
            assert request.headers["farm-body"] == Digest.of(request.read())
            _check_signature(request.method, request.url.raw_path.decode(), _request(request)["headers"])
        answer = expected["answer"]
        return httpx.Response(answer["status"], headers=answer["headers"], content=_content(answer["body"]))


@contextmanager
def recording(exchanges: list[dict[str, Any]]) -> Iterator[None]:
    """Record the requests of clients, and the answers."""
    with _transport(_Tape(exchanges).record(httpx.HTTPTransport.handle_request)):
        yield


@contextmanager
def playing(exchanges: list[dict[str, Any]]) -> Iterator[None]:
    """Give clients the recorded answers, and check that they send the same requests."""
    with _transport(_Tape(exchanges).play):
        yield


@contextmanager
def answering(answers: list[dict[str, Any]], exchanges: list[dict[str, Any]]) -> Iterator[None]:
    """Give these answers, and record the requests."""
    waiting = iter(answers)

    def handle(request: httpx.Request) -> httpx.Response:
        answer = next(waiting)
        exchanges.append({"request": _request(request), "answer": answer})
        return httpx.Response(answer["status"], headers=answer["headers"], content=_content(answer["body"]))

    with _transport(handle):
        yield


@contextmanager
def _transport(handle: Any) -> Iterator[None]:
    before = httpx.HTTPTransport.handle_request
    recorded = handle if hasattr(handle, "__self__") or handle.__code__.co_argcount == 2 else staticmethod(handle)
    httpx.HTTPTransport.handle_request = recorded  # type: ignore[method-assign]
    try:
        yield
    finally:
        httpx.HTTPTransport.handle_request = before  # type: ignore[method-assign]


def signed_as_then(method: str, target: str, headers: dict[str, str]) -> bool:
    """Return whether a recorded request is verified, and would be signed with exactly the same bytes today."""
    signed = _check_signature(method, target, headers)
    again = {name.lower(): value for name, value in signed.headers(_key()).items()}
    return again == {name: value for name, value in headers.items() if name.startswith("farm-")}


def _check_signature(method: str, target: str, headers: dict[str, str]) -> SignedWorkerRequest:
    signed, signature = read_signed(method, target, httpx.Headers(headers))
    signed.verify(signature, str(CryptoSigner(_key()).public_key.keyval["public"]))
    return signed


def _unsigned(request: dict[str, Any]) -> dict[str, Any]:
    # The digest of the body depends on the order of its members, which has no meaning.
    varying = ("farm-nonce", "farm-signature", "farm-body")
    headers = {name: value for name, value in request["headers"].items() if name not in varying}
    return {**request, "headers": headers}


def _request(request: httpx.Request) -> dict[str, Any]:
    target = request.url.raw_path.decode()
    return {
        "method": request.method,
        "target": target,
        "headers": _only(request.headers, _REQUEST),
        "body": _text(request.read()),
    }


def _only(headers: httpx.Headers, names: tuple[str, ...]) -> dict[str, str]:
    return {name: headers[name] for name in names if name in headers}


def _plain_headers(headers: httpx.Headers) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in ("content-encoding", "transfer-encoding")}


def _text(content: bytes) -> Any:
    try:
        return json.loads(content) if content[:1] in (b"{", b"[") else content.decode()
    except ValueError:
        return {"base64": base64.b64encode(content).decode()} if content[:1] not in (b"{", b"[") else content.decode()


def _content(body: Any) -> bytes:
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, dict) and body.keys() == {"base64"}:
        return base64.b64decode(body["base64"])
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def open_farm(folder: Path) -> tuple[Application, Database]:
    """Return a farm whose database, blobs and logs are in a folder."""
    database = Database(f"sqlite:///{folder / 'farm.db'}")
    return Application.open(
        database, BlobStore(folder / "blobs"), LogStore(folder / "logs"), WORLD, LeasePolicy()
    ), database


@contextmanager
def served(application: Application) -> Iterator[str]:
    """Serve a farm over HTTP."""
    with serving(create_app(application)) as url:
        yield url


def openapi(application: Application) -> Any:
    """Return the API's description of itself."""
    return create_app(application).openapi()


LOOKS = (
    "/api/v1/ready",
    "/api/v1/workers",
    "/api/v1/jobs?limit=3",
    "/api/v1/jobs?state=failed",
    "/api/v1/jobs/1",
    "/api/v1/jobs/4711",
    "/api/v1/jobs/6/log",
    "/api/v1/attempts/6/log",
    "/api/v1/attempts/6/log/events",
    "/api/v1/submissions",
    "/api/v1/submissions/6",
    "/api/v1/submissions/6/recipes",
    "/api/v1/packages",
    "/api/v1/packages/jq",
    "/api/v1/packages/a/copies",
    "/api/v1/channels",
    "/api/v1/channels/edge",
    "/api/v1/channels/edge/releases",
    "/api/v1/channels/edge/releases/2",
    "/api/v1/channels/edge/releases/2/changes?against=1",
    "/api/v1/channels/edge/candidates",
    "/api/v1/channels/edge/candidates/3",
    "/api/v1/channels/edge/excuses",
    "/api/v1/channels/edge/holds",
    "/api/v1/channels/edge/orders",
    "/api/v1/channels/edge/reports?closed=true",
    "/api/v1/channels/stable/approvals",
    "/api/v1/trail?limit=100",
    "/api/v1/advisories",
    "/api/v1/advisories/EXAMPLE-2026-1",
    "/api/v1/reviews",
    "/api/v1/nothing",
    "/feeds/excuses/edge.xml",
)


def looked_at(url: str, targets: list[str], token: str) -> dict[str, Any]:
    """Return the farm's answer to each of these."""
    found = {}
    with httpx.Client(base_url=url, timeout=60) as client:
        for target in targets:
            answer = client.get(target, headers={"authorization": f"Bearer {token}"})
            found[target] = {
                "status": answer.status_code,
                "headers": _only(answer.headers, _ANSWER[:5]),
                "body": _text(answer.content),
            }
    return found
