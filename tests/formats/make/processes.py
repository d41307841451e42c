"""Messages, records, settings of processes (`settings` by hand). `published`, `documents`, `identities` come first."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

from tests.formats import kept
from tests.formats.make.fixed import tick
from tests.formats.reading import processes, wire

if TYPE_CHECKING:
    from pathlib import Path

    from tests.formats.make.__main__ import Output

REFUSED = {
    "code": "lost",
    "message": "the blob is gone",
    "packages": {"jq": ["it is gone", "Build it again."]},
    "remedy": "Put it back.",
}
ANSWERS: tuple[tuple[int, Any], ...] = (
    (200, {"release": "sha256:00", "number": 2, "new": ["jq"]}),
    (409, REFUSED | {"blobs": ["sha256:" + 64 * "0"]}),
    (503, {"code": "no-checker", "message": "nobody is there", "remedy": "Start it."}),
    (200, {"published": True}),
    (500, {}),
    (200, {"payload": "x"}),
)


def make(out: Output, folder: Path) -> None:
    """Write `processes.json`."""
    tick(minutes=30)
    own, memory = kept.unpacked("published.tar.gz", folder) / "own", kept.unpacked("signer.tar.gz", folder)
    (folder / "record").mkdir(mode=0o700)
    with closing(sqlite3.connect(folder / "record" / "published.sqlite")) as rows:
        rows.executescript(kept.read("record.sql").decode())
    exchanges: list[dict[str, Any]] = []
    with wire.answering([{"status": status, "headers": {}, "body": body} for status, body in ANSWERS], exchanges):
        ended = processes.ask_signer(folder / "nobody.sock")
    content = {
        "remembered": processes.remembered(memory / "ledger", folder / "record"),
        "checker": processes.checker_answers(),
        "signer": processes.signer_answers(own, memory / "ledger"),
        "asked": {"exchanges": exchanges, "ended": ended},
        "names": processes.names(),
        "settings": {path.name: processes.settings(path) for path in sorted((kept.DATA / "settings").iterdir())},
        "home": processes.home_layout(),
    }
    out.write("processes.json", json.dumps(content, indent=1) + "\n")
