"""A channel, a farm and a user's own files whose every free text is an attack on the reader's terminal."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from farm.core.plan.job import SourceOrigin
from farm.core.policy.gate_kind import GateKind
from farm.server.channels.excuses import Excuse
from farm.server.curation import curation
from farm.server.git.changes import put_change
from farm.server.git.repositories import RepositoryRequest, connect
from farm.server.identities import access
from farm.server.identities.access import Actor
from farm.server.tables.evidence import FailedTest, TestEvidence
from farm.server.tables.git_rows import ChangeState, Forge, PreviewPermission
from farm.server.tables.schema import migrate
from farm.server.tables.session import Database
from farm.server.tables.states import Role
from farm.trust.keys.key_files import create_key
from tests.client.distribution import SmallDistribution
from tests.core.advisories.osv_documents import openvex, osv
from tests.farms.stocked import SAMPLES, StockedFarm, log_record
from tests.foreign.neighbours import announce

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping
    from pathlib import Path

    Message = MutableMapping[str, Any]

MARK = "owned"
LINE = f"\x1b]0;{MARK}\x07\x1b[35;45m\x9b2J\x7f\b\t\u202e\u2066\u200f\u061c\u2028\u2029\u200b\ufeff\u3164\U000e0041"
"""A title for the window, colours that are not farm's, C1, DEL, and characters that reverse a line or are invisible."""
FORGED = "\nerror: forged\r\n help: forged"
TEXT = LINE + FORGED
SHOWN = f"\\x1b]0;{MARK}"
"""The escaped form of what a terminal would obey."""
_STRICT = re.compile(r"sha256:[0-9a-f]{64}|\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)?|")
_KEPT = {
    "state", "kind", "role", "channel", "digest", "descriptor", "version", "atom", "before", "after", "keyid",
    "error", "code", "next-before", "name", "change",
}  # fmt: skip
"""Members that clients read, and refuse in another form; of these, versions and names have strict rules."""
_LIES = {("state", "taken"): "waiting"}
"""What is said instead, so that clients show a submission that was accepted long ago as one to accept."""


def channel(folder: Path) -> SmallDistribution:
    """A channel signed by a signer whose checks were bypassed."""
    made = SmallDistribution(folder)
    made.package("pack", {"lib/pack.a": "pack 1\n"}, version="1.3")
    made.package("say", {"bin/say": "\x7fnot elf", "share/\u202eevil\u2028": "x", "etc/say.conf": "loud\n"})
    made.package(
        "parse", {"bin/parse": "#!/usr/bin/say\n"}, linked=("pack",), text=f"name: parse\n{json.dumps(TEXT)}: x\n",
        made_of={f"parse-{LINE}.tar": b"source"}, origins=(SourceOrigin(f"parse-{LINE}.tar", f"https://x/{TEXT}"),),
    )  # fmt: skip
    made.entries = {name: (replace(entry, summary=TEXT), member) for name, (entry, member) in made.entries.items()}
    made.publish(checked=False)
    announce(
        made,
        osv(package="pack", fixed="1.3-3", summary=TEXT, details=TEXT),
        osv(package="say", fixed="", summary=TEXT, id="EXAMPLE-2026-2"),
        statements=openvex(product="dist.example.org/say", about="EXAMPLE-2026-2", impact_statement=TEXT),
    )
    return made


class HostileFarm:
    """A farm with a history, and a curator's key and token."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        database = Database(f"sqlite:///{folder / 'farm.db'}")
        migrate(database)
        stocked = StockedFarm.open(database, folder, real_time=True)
        self.key = folder / "ann.key"
        keys = {"curators": {"ann": create_key(self.key).public_key.keyval["public"]}}
        stocked.application = replace(stocked.application, inputs=replace(stocked.application.inputs, curators=keys))
        self.application = stocked.application
        chain = SAMPLES[:1] + SAMPLES[5:7]  # glibc, oniguruma, jq
        stocked.release("edge", stocked.build_samples(chain[:2]))
        stocked.release("edge", [*stocked.build_samples(chain[2:]), stocked.build(replace(chain[1], revision=2))])
        stocked.channel("stable", ["proof", {"gate": "approvals", "of": "curators", "count": 1}], origin="edge")
        lease = stocked.begin(replace(chain[2], revision=2))
        self.job = lease.job.id
        stocked.log(lease.attempt.id, log_record(TEXT), log_record(LINE, stream="stderr", step="configure"))
        stocked.fail(lease, TEXT)
        candidate = stocked.candidate("edge", [stocked.build(replace(chain[2], revision=3))])
        red = (FailedTest("glibc", TEXT, TEXT, 3),)
        stocked.gate(candidate, "tests", "failed", TEXT, TestEvidence(1, already_red=red, flaky=red))
        held = Excuse(
            package="jq", version="1.7.1-2", gate=GateKind.TESTS, reason=TEXT, root="oniguruma", owner=TEXT, job=1,
            line=TEXT, partners=("glibc",), remedy=TEXT,
        )  # fmt: skip
        stocked.hold_back(candidate, held)
        with self.application.writing() as unit:
            self.token, _ = access.issue_token(unit, name="ann", role=Role.CURATOR, lasts=timedelta(days=1))
            by = Actor("ann", Role.CURATOR)
            curation.hold(unit, by, "edge", "glibc", why=TEXT, until=None)
            curation.report(unit, by, "edge", "jq", why=TEXT)
            url = "https://git.example.org/dist/recipes.git"
            asked = RepositoryRequest(
                "main", url, "main", "", Forge.FORGEJO, "", "", PreviewPermission.MEMBERS, (TEXT,)
            )
            connect(unit, asked, by="ann")
            state = ChangeState.UNAPPROVED
            put_change(unit, "main", "pull/1", commit=40 * "a", author=TEXT, state=state, detail=TEXT)


class Hostile:
    """An application in front of another, which inserts text into the other's answers, or refuses every request."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self.refuses = False

    async def __call__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        if self.refuses:
            body = json.dumps({"code": "refused", "message": TEXT, "remedy": TEXT}).encode()
            await send(
                {"type": "http.response.start", "status": 409, "headers": [(b"content-type", b"application/json")]}
            )
            await send({"type": "http.response.body", "body": body})
            return
        started: list[Message] = []
        body = bytearray()

        async def change(message: Message) -> None:
            if message["type"] == "http.response.start":
                started.append(message)
                return
            body.extend(message.get("body", b""))
            if message.get("more_body"):
                return
            headers = [pair for pair in started[0]["headers"] if pair[0].lower() != b"content-length"]
            is_json = any(b"json" in value for name, value in headers if name.lower() == b"content-type")
            content = json.dumps(written_over(json.loads(body))).encode() if is_json and body else bytes(body)
            await send({**started[0], "headers": headers})
            await send({"type": "http.response.body", "body": content})

        await self._application(scope, receive, change)


def written_over(value: Any, key: str = "") -> Any:
    """Return JSON values with the hostile text after every text whose form clients do not check."""
    if isinstance(value, dict):
        return {name: written_over(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [written_over(inner, key) for inner in value]
    if isinstance(value, str) and key not in _KEPT and not _STRICT.fullmatch(value):
        return value + TEXT
    return _LIES.get((key, value), value) if isinstance(value, str) else value


def environment(home: Path, farm_url: str, token: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TERM": "dumb",  # no moving line: what rich does on other terminals has its own test
        "COLUMNS": "200",
        "LANG": "C.UTF-8",
        "FARM_STATE": str(home / "state"),
        "FARM_HOST": str(home / "host"),
        "FARM_URL": farm_url,
        "FARM_TOKEN": token,
        "FARM_RECIPES": str(home / "recipes"),
        "DOCKER_HOST": f"unix://{home}/no-docker.sock",
    }
