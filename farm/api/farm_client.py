"""The client of the API for people: submit recipes, follow jobs and logs, look up packages and channels."""

from __future__ import annotations

import base64
import json
import re
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import quote, urlencode

import httpx

from farm.api import answers, order_wire, submission_wire, wire
from farm.api.blob_download import receive_blob
from farm.api.errors import (
    FarmUnreachableError,
    InvalidAnswerError,
    RefusedRequestError,
    raise_for,
)
from farm.api.log_lines import FIELDS
from farm.api.submission_stream import end_of_stream
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from types import TracebackType

    from farm.core.buildlog.first_error import FirstError
    from farm.core.names.digest import Digest
    from farm.store.blobs import BlobStore

_Model = TypeVar("_Model", bound=wire.Wire)
_TOKEN = re.compile(r"[!-~]*")
_JSON = {"Content-Type": "application/json"}


class FarmClient:
    """A connection to the farm at `url` with a token (empty: anonymous). A context manager.

    Raises the errors `invalid-farm-url` and `invalid-token`; every method raises `FarmUnreachableError`,
    `InvalidAnswerError`, or `RefusedRequestError` with the answer of the farm.
    """

    def __init__(self, url: str, token: str = "", *, timeout: float = 60.0) -> None:
        if not _TOKEN.fullmatch(token):
            # The token is not repeated: it may be a secret with a typing error.
            raise FarmError(
                "the token holds characters that no token has",
                remedy="Set FARM_TOKEN to the token as it was issued.",
                code="invalid-token",
            )
        self._url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            self._client = httpx.Client(base_url=self._url, headers=headers, timeout=timeout)
        except (httpx.InvalidURL, ValueError) as error:
            raise FarmError(
                f"{url[:200]!r} is not the address of a farm: {error}",
                remedy="Set FARM_URL as http://HOST:PORT.",
                code="invalid-farm-url",
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def submit(
        self,
        recipes: Mapping[str, Mapping[str, bytes]],
        *,
        envelope: bytes | None = None,
        warnings: bool = False,
        preview: submission_wire.PreviewRequest | None = None,
        report: Callable[[submission_wire.SubmissionStep], None] | None = None,
    ) -> submission_wire.SubmissionWire:
        """Submit recipes by name, each the files of its directory by name; in `envelope` the submitter signs them.

        `warnings` asks for those about how they are written; an older farm has none. With `preview`, they are only
        built and tested apart from the farm's own packages. `report` is called as the farm goes on, however long it
        takes; an older farm reports nothing.
        """
        encoded = {
            name: {file: base64.b64encode(content).decode("ascii") for file, content in files.items()}
            for name, files in recipes.items()
        }
        asked = {name: "true" for name, wanted in (("warnings", warnings), ("progress", report)) if wanted}
        path = "/api/v1/submissions" + (f"?{urlencode(asked)}" if asked else "")
        body = submission_wire.SubmissionRequest(recipes=encoded, preview=preview).model_dump(mode="json")
        if report is None:
            return self._post(path, submission_wire.SubmissionWire, body | signed(envelope))
        with (
            self._reaching(),
            self._client.stream(
                "POST", path, content=json.dumps(body | signed(envelope)).encode(), headers=_JSON
            ) as response,
        ):
            answer = end_of_stream(response, report)
        raise_for(answer)
        return answers.read_model(answer, submission_wire.SubmissionWire)

    def recipe_files(self, name: str) -> dict[str, bytes]:
        """Return the files of a recipe as the farm has it now, by name."""
        found = self._get(f"/api/v1/recipes/{segment(name)}/files", submission_wire.RecipeFilesWire)
        return {file: base64.b64decode(text) for file, text in found.files.items()}

    def signed_order(self, digest: str) -> dict[str, Any]:
        """Return a signed order, and whether the signer has it."""
        return self._get_json(f"/api/v1/signed-orders/{segment(digest)}", answers.SIGNED_ORDER)

    def submissions(
        self, *, state: str | None = None, before: int | None = None, limit: int = 50, outcomes: bool = False
    ) -> submission_wire.SubmissionPage:
        """Return one page of submissions, newest first, with `outcomes` also what has come of accepted ones."""
        page, also = submission_wire.SubmissionPage, "true" if outcomes else None
        return self._get("/api/v1/submissions", page, state=state, before=before, limit=limit, outcomes=also)

    def submission_contents(self, number: int, *, outcomes: bool = False) -> submission_wire.SubmissionContents:
        """Return a submission with its files, with `outcomes` also what has come of it if it was accepted."""
        path, also = f"/api/v1/submissions/{number}/recipes", "true" if outcomes else None
        return self._get(path, submission_wire.SubmissionContents, outcomes=also)

    def accept(self, number: int, envelope: bytes | None, *, why: str = "") -> submission_wire.SubmissionWire:
        """Accept a submission, with an owner's signature on its recipes; a preview may need none."""
        body = {"envelope": {}} | signed(envelope) | ({"why": why} if why else {})
        return self._post(f"/api/v1/submissions/{number}/accept", submission_wire.SubmissionWire, body)

    def withdraw_submission(
        self, number: int, *, envelope: bytes | None = None, order: bytes | None = None, why: str = ""
    ) -> submission_wire.SubmissionProgress:
        """Withdraw a submission that waits; an owner signs that in `envelope`, and for the signer in `order`."""
        body = signed(envelope) | {"why": why} | ({"order": json.loads(order)} if order is not None else {})
        return self._post(f"/api/v1/submissions/{number}/withdraw", submission_wire.SubmissionProgress, body)

    def submission(self, number: int, *, before: int | None = None) -> submission_wire.SubmissionProgress:
        """Return the progress of a submission, with its newest jobs or those older than the job `before`."""
        return self._get(f"/api/v1/submissions/{number}", submission_wire.SubmissionProgress, before=before)

    def submission_jobs(self, number: int) -> Iterator[wire.JobWire]:
        """Yield all jobs of a submission, newest first."""
        page = self.submission(number)
        yield from reversed(page.jobs)
        while page.next_before is not None:
            page = self.submission(number, before=page.next_before)
            yield from reversed(page.jobs)

    def jobs(
        self, *, before: int | None = None, limit: int = 50, state: str | None = None, name: str | None = None
    ) -> wire.JobPage:
        """Return one page of jobs, newest first."""
        return self._get("/api/v1/jobs", wire.JobPage, before=before, limit=limit, state=state, name=name)

    def jobs_numbered(self, numbers: Iterable[int]) -> dict[int, wire.JobWire]:
        """Return jobs by their numbers, and in that order; one request asks for many."""
        found: dict[int, wire.JobWire] = {}
        ordered = sorted(numbers)
        for start in range(0, len(ordered), wire.MOST_JOBS):
            part = ordered[start : start + wire.MOST_JOBS]
            page = self._get("/api/v1/jobs", wire.JobPage, number=part, limit=len(part))
            found |= {job.id: job for job in page.jobs}
        # An older farm answers with its newest jobs; and what is not there has an error of its own.
        return {number: found[number] if number in found else self.job(number).job for number in ordered}

    def job(self, job_id: int) -> wire.JobDetail:
        """Return a job with its attempts."""
        return self._get(f"/api/v1/jobs/{job_id}", wire.JobDetail)

    def first_error(self, attempt_id: int) -> FirstError | None:
        """Return the first error of a failed attempt; None if none is known."""
        return self._get(f"/api/v1/attempts/{attempt_id}/first-error", wire.FirstErrorWire).first_error

    def job_cause(self, job_id: int) -> wire.JobCauseWire:
        """Return why a job exists, and which inputs differ from the build before it."""
        return self._get(f"/api/v1/jobs/{job_id}/cause", wire.JobCauseWire)

    def job_order(self, job_id: int) -> order_wire.JobOrderWire:
        """Return what a build job is built from."""
        return self._get(f"/api/v1/jobs/{job_id}/order", order_wire.JobOrderWire)

    def fetch_job_blob(self, job_id: int, digest: Digest, store: BlobStore, *, size: int | None = None) -> None:
        """Fetch a blob that the order of a build job names into a store, verified. Raises `BlobMismatchError`.

        `size` is the most bytes that it may have; without it, there is no limit.
        """
        with self._reaching(), self._client.stream("GET", f"/api/v1/jobs/{job_id}/blobs/{digest}") as response:
            if not response.is_success:
                response.read()
            raise_for(response)
            receive_blob(response, digest, store, size=size)

    def copies(self, package: str) -> wire.CopiesWire:
        """Return the recipes whose packages hold code of a package."""
        return self._get(f"/api/v1/packages/{quote(package, safe='')}/copies", wire.CopiesWire)

    def job_requests(self, numbers: Sequence[int]) -> dict[int, list[wire.JobRequestWire]]:
        """Return who has cancelled or retried these jobs, and by whom they were made, oldest first."""
        found: dict[int, list[wire.JobRequestWire]] = {number: [] for number in numbers}
        if not numbers:
            return found
        try:
            page = self._get("/api/v1/job-requests", wire.JobRequestPage, number=list(numbers))
        except RefusedRequestError as error:
            if error.status == HTTPStatus.NOT_FOUND:  # an older farm
                return found
            raise
        for request in page.requests:
            for number in found.keys() & {request.job, request.made}:
                found[number].append(request)
        return found

    def cancel(self, job_id: int, *, why: str = "") -> wire.JobWire:
        """Cancel a job."""
        return self._post(f"/api/v1/jobs/{job_id}/cancel", wire.JobWire, {"why": why} if why else {})

    def retry(self, job_id: int, *, why: str = "") -> wire.JobWire:
        """Make a new job for one that failed."""
        return self._post(f"/api/v1/jobs/{job_id}/retry", wire.JobWire, {"why": why} if why else {})

    def log(self, job_id: int, *, offset: int = 0) -> wire.LogPageWire:
        """Return a page of the log of a job's newest attempt."""
        return self._get(f"/api/v1/jobs/{job_id}/log", wire.LogPageWire, offset=offset)

    def log_records(self, job_id: int) -> Iterator[dict[str, Any]]:
        """Yield the present records of the log of a job's newest attempt."""
        offset = 0
        while True:
            page = self.log(job_id, offset=offset)
            yield from page.records
            if page.next_offset <= offset or not page.records:
                return
            offset = page.next_offset

    def follow(self, attempt_id: int, *, offset: int = 0) -> Iterator[dict[str, Any]]:
        """Yield the records of an attempt's log from `offset` on, as they come, until the attempt has ended.

        Present records are fetched in pages, which are cheaper than an event for each record.
        """
        while True:
            page = self._get(f"/api/v1/attempts/{attempt_id}/log", wire.LogPageWire, offset=offset)
            yield from page.records
            offset = page.next_offset
            if page.ended:
                return
            if not page.records:
                break
        path = f"/api/v1/attempts/{attempt_id}/log/events"
        with self._reaching(), self._client.stream("GET", path, params={"offset": offset}, timeout=None) as response:
            if not response.is_success:
                response.read()
            raise_for(response)
            event = ""
            for line in response.iter_lines():
                if line.startswith("event: "):
                    event = line[7:]
                elif line.startswith("data: ") and event == "log":
                    yield _record(response, line[6:])

    def packages(self, *, after: str = "", limit: int = 100) -> wire.PackagePage:
        """Return one page of the current packages, by name."""
        return self._get("/api/v1/packages", wire.PackagePage, after=after, limit=limit)

    def package(self, name: str) -> wire.PackagePage:
        """Return the builds of one package, newest first."""
        return self._get(f"/api/v1/packages/{segment(name)}", wire.PackagePage)

    def channel(self, name: str) -> dict[str, Any]:
        """Return the state of a channel, in the form of `farm.server.pipeline.candidates.status`."""
        return self._get_json(channel_path(name), answers.STATUS)

    def distribution(self) -> str:
        """Return the distribution of the farm; empty if the farm is too old to name it."""
        page = self._get_json("/api/v1/advisories", answers.ADVISORIES, limit=1)
        return str(page.get("distribution", ""))

    def channels(self) -> list[dict[str, Any]]:
        """Return the states of all channels."""
        return self._get_list("/api/v1/channels", answers.STATUSES)

    def releases(self, channel: str, *, before: int | None = None, limit: int = 50) -> dict[str, Any]:
        """Return one page of a channel's releases, newest first."""
        return self._get_json(f"{channel_path(channel)}/releases", answers.RELEASES, before=before, limit=limit)

    def release(self, channel: str, number: int) -> dict[str, Any]:
        """Return one release of a channel with its packages."""
        return self._get_json(f"{channel_path(channel)}/releases/{number}", answers.RELEASE)

    def release_changes(self, channel: str, old: int, new: int) -> dict[str, Any]:
        """Return the differences between two releases of a channel, by package."""
        return self._get_json(f"{channel_path(channel)}/releases/{new}/changes", answers.RELEASE_CHANGES, against=old)

    def candidates(self, channel: str, *, before: int | None = None, limit: int = 20) -> dict[str, Any]:
        """Return one page of a channel's candidates, newest first."""
        return self._get_json(f"{channel_path(channel)}/candidates", answers.CANDIDATES, before=before, limit=limit)

    def candidate(self, channel: str, number: int) -> dict[str, Any]:
        """Return one candidate, with its changes and the results of its gates."""
        return self._get_json(f"{channel_path(channel)}/candidates/{number}", answers.CANDIDATE)

    def excuses(self, channel: str, *, cleared: bool = False) -> list[dict[str, Any]]:
        """Return the excuses of a channel; with `cleared` also those that were cleared."""
        path = f"{channel_path(channel)}/excuses"
        return self._get_list(path, answers.EXCUSES, cleared="true" if cleared else None)

    def enrol(self, name: str, public_key: str, roles: tuple[wire.RoleText, ...]) -> wire.WorkerWire:
        """Enrol a worker by its ed25519 key (hexadecimal)."""
        request = wire.WorkerRequest(name=name, public_key=public_key, roles=roles)
        return self._post("/api/v1/workers", wire.WorkerWire, request.model_dump())

    def issue_token(self, name: str, role: str, *, days: int = 90) -> wire.TokenWire:
        """Issue a token for a person."""
        return self._post("/api/v1/tokens", wire.TokenWire, {"name": name, "role": role, "days": days})

    def _get(self, path: str, model: type[_Model], **query: object) -> _Model:
        return answers.read_model(self._fetch(path, **query), model)

    def _get_json(self, path: str, shape: Mapping[str, answers.Shape], **query: object) -> dict[str, Any]:
        return answers.read_answer(self._fetch(path, **query), shape)

    def _get_list(self, path: str, shape: Mapping[str, answers.Shape], **query: object) -> list[dict[str, Any]]:
        """Return the list that is the one member of an answer."""
        (member,) = shape
        found: list[dict[str, Any]] = self._get_json(path, shape, **query)[member]
        return found

    def _fetch(self, path: str, **query: object) -> httpx.Response:
        with self._reaching():
            given = {key: value for key, value in query.items() if value is not None}
            asked = urlencode(given, doseq=True, errors="surrogateescape")
            response = self._client.get(f"{path}?{asked}" if asked else path)
        raise_for(response)
        return response

    def _post(self, path: str, model: type[_Model], body: object) -> _Model:
        return answers.read_model(self._send("POST", path, body), model)

    def _act(self, method: str, path: str, shape: Mapping[str, answers.Shape], body: object = None) -> dict[str, Any]:
        return answers.read_answer(self._send(method, path, body), shape)

    def _send(self, method: str, path: str, body: object = None) -> httpx.Response:
        with self._reaching():
            # Escapes keep arguments that are not UTF-8: the farm names what is wrong with them.
            content = None if body is None else json.dumps(body).encode()
            response = self._client.request(method, path, content=content, headers=_JSON if content else None)
        raise_for(response)
        return response

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise FarmUnreachableError(self._url, str(error) or type(error).__name__) from error


def signed(envelope: bytes | None) -> dict[str, Any]:
    """Return the member of a request with a signed envelope; none without an envelope."""
    return {"envelope": json.loads(envelope)} if envelope is not None else {}


def _record(response: httpx.Response, text: str) -> dict[str, Any]:
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidAnswerError(response.request, "", "a record of the log is no JSON") from error
    if not isinstance(record, dict) or not all(isinstance(record.get(field), str) for field in FIELDS):
        raise InvalidAnswerError(response.request, "", "a record of the log has another shape")
    return record


def segment(name: str) -> str:
    """Return a name, quoted, as one segment of a path."""
    return quote(name, safe="", errors="surrogateescape")


def channel_path(name: str) -> str:
    """Return the path of a channel. Raises the error `not-found` for a name that would lead elsewhere."""
    if "/" in name or name in ("", ".", ".."):
        raise FarmError(
            f"there is no channel {name[:100]!r}", remedy="`farm channel show` lists them.", code="not-found"
        )
    return f"/api/v1/channels/{segment(name)}"
