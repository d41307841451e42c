"""A forge on the loopback: a real git server (`git http-backend`), and a stand-in for the API that checks what is sent.

It refuses what GitHub and Forgejo refuse by their documentation, and signs its webhooks as they say.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import subprocess
import threading
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

PROJECT = "dist/recipes"
TOKEN = "ghp_a-token-of-the-farm"
_BACKEND = "git", "http-backend"
_STATES = {"pending", "success", "failure", "error"}
_MEMBERS = {"state", "target_url", "description", "context"}


@dataclass
class Pull:
    number: int
    branch: str
    author: str
    association: str
    base: str = "main"
    state: str = "open"
    merged_by: str = ""
    of: str = ""
    """The repository that its branch is in; empty for its author's own fork, `-` for one that was deleted."""


@dataclass
class GitForge:
    """`statuses` are those that were taken, in order; `refused` why others were not; `requests` all paths asked for."""

    root: Path
    kind: str = "github"
    port: int = 0
    private: bool = False
    pulls: dict[int, Pull] = field(default_factory=dict)
    statuses: list[dict[str, str]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    """The statuses of the next answers to commit statuses, without a look at them."""
    busy: tuple[int, dict[str, str]] | None = None
    """The status and the headers of all answers of the API, while it is set."""
    before: Callable[[], None] = lambda: None
    """Runs when a status was taken, before it is answered."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/{PROJECT}.git"

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    @property
    def bare(self) -> Path:
        return self.root / "served" / f"{PROJECT}.git"

    @property
    def tree(self) -> Path:
        """A work tree of somebody who may push."""
        return self.root / "tree"

    def git(self, *arguments: str, place: Path | None = None, **more: str) -> str:
        who = {"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.org", "GIT_COMMITTER_NAME": "Grace",
               "GIT_COMMITTER_EMAIL": "grace@example.org", "GIT_CONFIG_GLOBAL": "/dev/null"}  # fmt: skip
        done = subprocess.run(
            ["git", *arguments],
            cwd=place or self.tree,
            env={**os.environ, **who, **more},
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def commit(self, recipes: Mapping[str, Mapping[str, bytes]], *options: str, message: str = "a change") -> str:
        """Commit recipes on the present branch, and return the commit."""
        for name, files in recipes.items():
            place = self.tree / "recipes" / "packages" / name
            place.mkdir(parents=True, exist_ok=True)
            for file, content in files.items():
                (place / file).write_bytes(content)
        self.git("add", "-A")
        self.git(*options, "commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def push(self, *specs: str) -> None:
        self.git("push", "-q", "-f", str(self.bare), *specs)

    def open_pull(self, branch: str, recipes: Mapping[str, Mapping[str, bytes]], *, author: str = "ada",
                  association: str = "MEMBER", options: tuple[str, ...] = ()) -> Pull:  # fmt: skip
        """Open a pull request of somebody's own copy: its commit is at `refs/pull/N/head` alone."""
        self.git("checkout", "-q", "-B", branch, "main")
        self.commit(recipes, *options)
        pull = Pull(len(self.pulls) + 1, branch, author, association)
        self.pulls[pull.number] = pull
        self.push(f"{branch}:refs/pull/{pull.number}/head")
        self.git("checkout", "-q", "main")
        return pull

    def update_pull(self, pull: Pull, recipes: Mapping[str, Mapping[str, bytes]]) -> str:
        self.git("checkout", "-q", pull.branch)
        commit = self.commit(recipes)
        self.push(f"{pull.branch}:refs/pull/{pull.number}/head")
        self.git("checkout", "-q", "main")
        return commit

    def head_of(self, pull: Pull) -> str:
        return self.git("rev-parse", f"refs/pull/{pull.number}/head", place=self.bare)

    def merge(self, pull: Pull) -> str:
        """Merge a pull request as the button does, and return the merge commit."""
        self.git("merge", "-q", "--no-ff", "-m", f"Merge #{pull.number}", pull.branch)
        pull.state, pull.merged_by = "closed", self.git("rev-parse", "HEAD")
        self.push("main")
        return pull.merged_by

    def states_of(self, commit: str, context: str = "farm/preview/main") -> list[str]:
        return [status["state"] for status in self.statuses if status["sha"] == commit and status["context"] == context]

    def webhook(self, secret: str, event: str, payload: Any, *, delivery: str = "") -> tuple[dict[str, str], bytes]:
        """The headers and the body of a webhook, as the forge's documentation says."""
        body = json.dumps(payload).encode()
        tag = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        delivery = delivery or str(uuid.uuid4())
        headers = {"Content-Type": "application/json", "X-GitHub-Event": event, "X-GitHub-Delivery": delivery,
                   "X-Hub-Signature-256": f"sha256={tag}"}  # fmt: skip
        if self.kind == "forgejo":
            for name in ("Forgejo", "Gitea", "Gogs"):
                headers |= {f"X-{name}-Event": event, f"X-{name}-Delivery": delivery, f"X-{name}-Signature": tag}
        return headers, body

    def send(self, address: str, secret: str, event: str, payload: Any = None, *, delivery: str = "") -> httpx.Response:
        headers, body = self.webhook(secret, event, payload or {"zen": str(uuid.uuid4())}, delivery=delivery)
        return httpx.post(address, headers=headers, content=body)

    # What the API answers

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Any]:  # noqa: PLR0911
        wanted = f"Bearer {TOKEN}" if self.kind == "github" else f"token {TOKEN}"
        if headers.get("authorization") != wanted:
            return self._refuse(401, f"credentials {headers.get('authorization')}")
        if self.kind == "github" and not headers.get("user-agent"):
            return self._refuse(403, "no user agent")
        parts, start = urlsplit(path), f"/api/repos/{PROJECT}/"
        if not parts.path.startswith(start):
            return self._refuse(404, path)
        asked = parts.path.removeprefix(start)
        if method == "GET" and asked == "pulls":
            return 200, self._open_pulls(parse_qs(parts.query))
        if method == "GET" and (found := re.fullmatch(r"pulls/([0-9]+)", asked)):
            pull = self.pulls.get(int(found[1]))
            return (200, self._form(pull)) if pull else (404, {"message": "Not Found"})
        if method == "GET" and (found := re.fullmatch(r"commits/([0-9a-f]{40})/statuses", asked)):
            return 200, [self._status(status) for status in reversed(self.statuses) if status["sha"] == found[1]]
        if method == "POST" and (found := re.fullmatch(r"statuses/([0-9a-f]{40})", asked)):
            return self._take_status(found[1], headers, body)
        return self._refuse(404, path)

    def _open_pulls(self, query: Mapping[str, list[str]]) -> list[dict[str, Any]]:
        assert query["state"] == ["open"]
        size = min(int(query["per_page" if self.kind == "github" else "limit"][0]), 2)  # pages are small here
        page = int(query["page"][0])
        found = [self._form(pull) for pull in self.pulls.values() if pull.state == "open"]
        return found[(page - 1) * size : page * size]

    def _form(self, pull: Pull) -> dict[str, Any]:
        form = {
            "number": pull.number,
            "state": pull.state,
            "title": "a pull request",
            "head": {
                "sha": self.head_of(pull),
                "ref": pull.branch,
                "label": f"{pull.author}:{pull.branch}",
                "repo": None if pull.of == "-" else _repository(pull.of or f"{pull.author}/recipes"),
            },
            "base": {"ref": pull.base, "sha": self.git("rev-parse", "main", place=self.bare)},
            "user": {"login": pull.author, "id": 1},
            "merged": bool(pull.merged_by),
            "merge_commit_sha": pull.merged_by or None,
        }
        return form | ({"author_association": pull.association} if self.kind == "github" else {})

    def _status(self, status: dict[str, str]) -> dict[str, Any]:
        name = "state" if self.kind == "github" else "status"
        return {"id": 1, name: status["state"], "context": status["context"], "target_url": status["target_url"]}

    def _take_status(self, commit: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Any]:
        if self.answers and (status := self.answers.pop(0)) != 201:
            return status, {"message": "as the test asks"}
        if headers.get("content-type") != "application/json":
            return self._refuse(415, "content type")
        form = json.loads(body)
        checks = {
            "members": set(form) <= _MEMBERS,
            "state": form.get("state") in _STATES,
            "description": isinstance(form.get("description"), str) and len(form["description"]) <= 140,
            "printable": str(form.get("description")).isprintable(),
            "target": form.get("target_url", "").startswith(("http://", "https://")),
            "context": isinstance(form.get("context"), str),
        }
        if self.kind == "github":
            checks["accept"] = headers.get("accept") == "application/vnd.github+json"
            checks["version"] = headers.get("x-github-api-version") == "2022-11-28"
        if wrong := [name for name, right in checks.items() if not right]:
            return self._refuse(422, f"{wrong}: {form}")
        if subprocess.run(["git", "cat-file", "-e", commit], cwd=self.bare, check=False).returncode:
            return self._refuse(422, f"no commit found for SHA: {commit}")
        self.statuses.append({"sha": commit, **form})
        self.before()
        return 201, form

    def _refuse(self, status: int, why: str) -> tuple[int, Any]:
        self.refused.append(why)
        return status, {"message": why}


def _repository(name: str) -> dict[str, Any]:
    return {"id": 1, "full_name": name, "owner": {"id": 1, "login": name.partition("/")[0]}}


@contextmanager
def serving_forge(root: Path, *, kind: str = "github") -> Iterator[GitForge]:
    """Run a forge with one repository, which has an empty branch `main`."""
    forge = GitForge(root, kind)
    forge.bare.mkdir(parents=True)
    forge.tree.mkdir()
    forge.git("init", "-q", "--bare", "-b", "main", place=forge.bare)
    forge.git("init", "-q", "-b", "main")
    forge.commit({}, message="the first commit")
    forge.push("main")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._serve(b"")

        def do_POST(self) -> None:
            self._serve(self.rfile.read(int(self.headers.get("content-length", "0"))))

        def _serve(self, body: bytes) -> None:
            forge.requests.append(f"{self.command} {self.path}")
            headers = {name.lower(): value for name, value in self.headers.items()}
            if self.path.startswith("/api/"):
                more = forge.busy[1] if forge.busy else {}
                if forge.busy:
                    status, form = forge.busy[0], {"message": "no more for now"}
                else:
                    status, form = forge.answer(self.command, self.path, headers, body)
                content, kind = json.dumps(form).encode(), "application/json"
            else:
                more = {}
                status, kind, content = _git_answer(forge, self.command, self.path, headers, body)
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            if status == 401:
                self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Say nothing of a client that has gone."""

    with Server(("127.0.0.1", 0), Handler) as server:
        forge.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield forge
        finally:
            server.shutdown()
            thread.join()


def _git_answer(
    forge: GitForge, method: str, path: str, headers: Mapping[str, str], body: bytes
) -> tuple[int, str, bytes]:
    """Answer as a web server does that runs git's own program for HTTP (CGI)."""
    password = base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()
    if forge.private and headers.get("authorization") != f"Basic {password}":
        return 401, "text/plain", b"who are you?"
    parts = urlsplit(path)
    environment = {
        "PATH": os.environ["PATH"],
        "GIT_PROJECT_ROOT": str(forge.root / "served"),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": parts.path,
        "QUERY_STRING": parts.query,
        "REQUEST_METHOD": method,
        "CONTENT_TYPE": headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_CONTENT_ENCODING": headers.get("content-encoding", ""),
        "HTTP_GIT_PROTOCOL": headers.get("git-protocol", ""),
        "REMOTE_ADDR": "127.0.0.1",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
    }
    done = subprocess.run(_BACKEND, env=environment, input=body, capture_output=True, check=False)
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    said = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
    return int(said.get("Status", "200").split()[0]), said.get("Content-Type", "text/plain"), content
