"""Messages between the farm's processes, and the files of signer, checker and workers."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.formats import kept
from tests.formats.reading import processes, wire
from tests.formats.reading.documents import KINDS

if TYPE_CHECKING:
    from pathlib import Path

KNOWN = kept.read_json("processes.json")


def plain(value: Any) -> Any:
    return json.loads(json.dumps(value))


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return kept.unpacked("signer.tar.gz", tmp_path) / "ledger"


@pytest.fixture
def record(tmp_path: Path) -> Path:
    (tmp_path / "record").mkdir(mode=0o700)
    with closing(sqlite3.connect(tmp_path / "record" / "published.sqlite")) as rows:
        rows.executescript(kept.read("record.sql").decode())
    return tmp_path / "record"


def test_signer_and_checker_remember_what_they_remembered(ledger: Path, record: Path) -> None:
    found = plain(processes.remembered(ledger, record))
    for what, known in KNOWN["remembered"].items():
        assert found[what] == known, what


def test_a_ledger_is_written_back_line_by_line(ledger: Path) -> None:
    lines = (ledger / "ledger").read_bytes().splitlines()
    assert len(lines) > 10
    kind = KINDS["ledger-line"]
    assert [kind.write(kind.read(line)) for line in lines] == lines


def test_a_record_of_the_checker_stays_as_it_is_when_it_is_read(ledger: Path, record: Path) -> None:
    processes.remembered(ledger, record)
    assert processes.record_text(record / "published.sqlite") == kept.read("record.sql").decode()


def test_the_checker_answers_as_it_did() -> None:
    assert plain(processes.checker_answers()) == KNOWN["checker"]


def test_the_signer_answers_as_it_did(ledger: Path, tmp_path: Path) -> None:
    published = kept.unpacked("published.tar.gz", tmp_path / "published")
    assert plain(processes.signer_answers(published / "own", ledger)) == KNOWN["signer"]
    shutil.rmtree(published)


def test_the_signer_is_asked_as_it_was(tmp_path: Path) -> None:
    exchanges: list[dict[str, Any]] = []
    answers = [exchange["answer"] for exchange in KNOWN["asked"]["exchanges"]]
    with wire.answering(answers, exchanges):
        ended = processes.ask_signer(tmp_path / "nobody.sock")
    assert plain(exchanges) == KNOWN["asked"]["exchanges"]
    assert plain(ended) == KNOWN["asked"]["ended"]


def test_messages_leases_and_attempts_go_by_the_names_that_they_had() -> None:
    assert plain(processes.names()) == KNOWN["names"]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('{"owner": "/srv/farm", "clock": "boot", "until": 12.5}', ["/srv/farm", ["boot", 12.5]]),
        ('{"owner": "/srv/farm"}', ["/srv/farm", None]),
        ("{}", None),
    ],
)
def test_the_lease_in_an_attempts_directory_is_read(tmp_path: Path, written: str, said: Any) -> None:
    (tmp_path / "lease.json").write_text(written)
    assert processes.lease_in(tmp_path) == said


@pytest.mark.parametrize("name", KNOWN["settings"])
def test_a_file_of_settings_means_what_it_meant(name: str) -> None:
    path = kept.DATA / "settings" / name
    found, known = processes.settings(path), KNOWN["settings"][name]
    assert {key: found.get(key) for key in known} == known
    assert json.loads(path.read_bytes()).keys() <= known.keys()


def test_the_parts_of_a_farms_home_lie_where_they_lay() -> None:
    assert processes.home_layout() == KNOWN["home"]
