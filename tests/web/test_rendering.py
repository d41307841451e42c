"""How templates print sizes, times and digests, and that no text of a stranger becomes markup."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from farm.core.names.digest import Digest
from farm.core.names.wording import human_size
from farm.trust.layout import blob_path
from web.pages.rendering import commands, lasted, published, short_digest, time_tag

if TYPE_CHECKING:
    from pathlib import Path

DIGEST = Digest.of(b"something")


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (4_200_000, "4.2 MB"),
        (7 * 10**9, "7.0 GB"),
        (5 * 10**15, "5000.0 TB"),
    ],
)
def test_a_size_is_said_in_powers_of_a_thousand(count: int, said: str) -> None:
    assert human_size(count) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-1, "0 s"),
        (59.9, "59 s"),
        (60, "1 min 00 s"),
        (3599, "59 min 59 s"),
        (3600, "1 h 00 min"),
        (90_060, "25 h 01 min"),
    ],
)
def test_a_span_is_said_in_its_two_largest_units(seconds: float, said: str) -> None:
    assert lasted(timedelta(seconds=seconds)) == said


def test_what_is_not_known_is_a_dash() -> None:
    assert lasted(None) == "\u2013"
    assert time_tag(None) == "&ndash;"


def test_a_moment_is_shown_in_utc_to_the_second() -> None:
    moment = datetime(2026, 3, 1, 1, 30, 59, 999_999, tzinfo=timezone(timedelta(hours=2)))
    assert time_tag(moment) == '<time datetime="2026-02-28T23:30:59Z">2026-02-28 23:30:59</time>'
    assert time_tag(moment.astimezone(UTC)) == time_tag(moment)


def test_a_digest_is_shown_by_its_first_digits_and_the_whole_of_it_is_there() -> None:
    assert short_digest(DIGEST) == f'<code class="digest" title="{DIGEST}">{DIGEST.hex[:12]}</code>'


def test_only_what_is_published_leads_to_its_blob(tmp_path: Path) -> None:
    written = f'<code class="digest">{DIGEST}</code>'
    assert published(None, DIGEST) == written
    assert published(tmp_path, DIGEST) == written
    blob = tmp_path / blob_path(DIGEST)
    blob.parent.mkdir(parents=True)
    blob.touch()
    assert published(tmp_path, DIGEST) == f'<a href="/repository/{blob_path(DIGEST)}">{written}</a>'


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("run `farm up`.", "run <code>farm up</code>."),
        ("`a` and `b`", "<code>a</code> and <code>b</code>"),
        ("a ` alone", "a ` alone"),
        ("`a` and ` alone", "<code>a</code> and ` alone"),
        ("`<b>` & <i>", "<code>&lt;b&gt;</code> &amp; &lt;i&gt;"),
        ("`\x1b[2J` \u202e", "<code>\\x1b[2J</code> \\u202e"),
        ("", ""),
    ],
)
def test_what_stands_between_backticks_is_code_and_inert(text: str, shown: str) -> None:
    assert str(commands(text)) == shown
