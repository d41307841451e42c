"""A farm with rows in its tables and logs; the requests of its clients; and its answers to readers."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from farm.server.channels.excuses import Excuse
from farm.server.identities import access
from farm.server.tables.evidence import FailedTest, TestEvidence
from farm.server.tables.schema import migrate
from farm.server.tables.session import Database
from farm.server.tables.states import Role
from tests.farms.stocked import SAMPLES, StockedFarm
from tests.formats.keys import public
from tests.formats.make.packing import packed
from tests.formats.reading import wire

if TYPE_CHECKING:
    from pathlib import Path

    from tests.formats.make.__main__ import Output

CHAIN = SAMPLES[:1] + SAMPLES[5:7]


def make(out: Output, folder: Path) -> None:
    """Write `wire.json`, `openapi.json`, `looks.json` and `farm.tar.gz`."""
    place = folder / "farm"
    place.mkdir()
    farm = Database(f"sqlite:///{place / 'farm.db'}")
    migrate(farm)
    stocked = _stocked(StockedFarm.open(farm, place, real_time=True))
    application = stocked.application
    application = replace(
        application, inputs=replace(application.inputs, curators={"curators": {"alice": public("alice")}})
    )
    with application.writing() as unit:
        tokens = {
            role.value: access.issue_token(unit, name=f"a-{role}", role=role, lasts=timedelta(days=3650))[0]
            for role in Role
        }
    exchanges: list[dict[str, object]] = []
    with wire.served(application) as url, wire.recording(exchanges):
        came = wire.converse(url, tokens, folder)
    out.write("wire.json", json.dumps({"tokens": tokens, "came": came, "exchanges": exchanges}, indent=1) + "\n")
    with wire.served(application) as url:
        strangers = wire.looked_at(url, list(wire.LOOKS[1:3]), "nobody's")
        looks = wire.looked_at(url, list(wire.LOOKS), tokens["admin"])
    content = {"token": tokens["admin"], "looks": looks, "strangers": strangers}
    out.write("looks.json", json.dumps(content, indent=1, sort_keys=True) + "\n")
    out.write("openapi.json", json.dumps(wire.openapi(application), indent=1, sort_keys=True) + "\n")
    farm.close()
    with closing(sqlite3.connect(place / "farm.db")) as rows:
        (place / "farm.sql").write_text("\n".join(rows.iterdump()) + "\n")
    (place / "farm.db").unlink()
    out.write("farm.tar.gz", packed({"farm": place}))


def _stocked(stocked: StockedFarm) -> StockedFarm:
    stocked.release("edge", stocked.build_samples(CHAIN[:2]))
    stocked.release("edge", [*stocked.build_samples(CHAIN[2:]), stocked.build(replace(CHAIN[1], revision=2))])
    stocked.channel("stable", ["proof", {"gate": "approvals", "of": "curators", "count": 1}], origin="edge")
    candidate = stocked.candidate("edge", [stocked.build(replace(CHAIN[2], revision=2))])
    red = FailedTest("glibc", "locale", "no locale", 3)
    stocked.gate(candidate, "tests", "failed", "1 of 3 tests failed", TestEvidence(3, already_red=(red,)))
    held = Excuse(
        package="jq",
        version="1.7.1-2",
        gate="tests",
        reason="the test `runs` failed",
        root="oniguruma",
        owner="ann",
        job=1,
        line="jq: error",
        partners=("glibc",),
        remedy="mend oniguruma",
    )
    stocked.hold_back(candidate, held)
    return stocked
