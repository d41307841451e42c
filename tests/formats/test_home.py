"""A subscriber's old home has the same values, is written back the same, and stays usable."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.formats import kept
from tests.formats.reading import home, subscriber
from tests.formats.reading.documents import KINDS

if TYPE_CHECKING:
    from pathlib import Path

PUBLICATION = kept.read_json("published.json")
KNOWN = kept.read_json("home.json")


@pytest.fixture
def there(tmp_path: Path) -> Path:
    return kept.home(tmp_path / "home")


def test_a_home_says_what_it_said_when_nobody_can_be_asked(there: Path) -> None:
    found = home.home_view(there)
    for what, known in KNOWN.items():
        assert found[what] == known, what


@pytest.mark.parametrize("pattern", home.FILES)
def test_each_record_is_written_back_byte_for_byte(there: Path, pattern: str) -> None:
    kind, found = KINDS[home.FILES[pattern]], sorted(there.glob(pattern))
    assert found
    for path in found:
        end = b"\n" if home.FILES[pattern] == "build-outcome" else b""
        assert kind.write(kind.read(path.read_bytes())) + end == path.read_bytes(), path


def test_other_records_are_written_back_byte_for_byte(there: Path) -> None:
    before = {name: (there / name).read_bytes() for name in home.REWRITTEN}
    home.rewrite(there)
    assert {name: (there / name).read_bytes() for name in home.REWRITTEN} == before


def test_what_is_installed_is_verified_and_what_is_locked_is_had_again(there: Path, tmp_path: Path) -> None:
    published = kept.unpacked("published.tar.gz", tmp_path / "published")
    again = kept.home(tmp_path / "another home", published)
    with kept.at(PUBLICATION["at"]):
        host = subscriber.Host(again / "state", again / "shared")
        assert home.verified_root(host, again) == [[name, "", "locked"] for name in home.LOCKED]
    assert there.exists()


def test_a_run_that_was_prepared_by_an_earlier_farm_does_not_hold_and_says_so_in_silence(there: Path) -> None:
    (there / "state" / "prepared").mkdir()
    (there / "shared" / ".users").touch()
    (there / "state" / "prepared" / "key.json").write_bytes(kept.read("prepared-run.json"))
    assert home.start(there, "key", []) is None
    assert len((there / "state" / "runs.jsonl").read_text().splitlines()) == 1
