"""What a host must keep, because a root, an image, a recent run or another record of it speaks of it.

A record counts for every word in it that is a digest or the name of a package's directory: what it means by them is
its own business, and a record of a new kind keeps what it names without being known here.
"""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from farm.client.root.generations import Root
from farm.client.root.known_roots import roots, states
from farm.client.run.record import LOG, still_runs
from farm.trust.index.release_index import InvalidReleaseError, Release

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from farm.client.repository.host import Host

RUN_DAYS = 30
"""How long what ran stays, since its last start."""
_RECORDS = ("images/*.json", "overrides/**/*.json", "packed/*/*.json", "builds/*.json")


def referred(host: Host, now: datetime, *, without: Collection[tuple[Path, int]] = ()) -> set[str]:
    """Return every word of all records of all states that share this host's cache.

    `without` are generations that do not count, by root and number. Raises `RootError`, and `OSError` where a state or
    a root cannot be read: then nobody can say what it needs.
    """
    words: set[str] = set()
    for state in states(host):
        for path in roots(state):
            for generation in Root(path).generations():
                if (path, generation.number) not in without:
                    words.update(_words(json.loads(generation.set.to_json())))
        for pattern in _RECORDS:
            for record in state.glob(pattern):
                words.update(_words(_json(record.read_bytes())))
        words.update(_recent_runs(state / LOG, now))
    return words


def ran(host: Host, now: datetime) -> set[str]:
    """Return every word of the records of what runs, or ran lately, in all states. Raises as `states`."""
    return {word for state in states(host) for word in _recent_runs(state / LOG, now)}


def newest_releases(host: Host) -> Iterator[Release]:
    """Yield the newest release that each subscription, of all states, has verified, and each pin to another's."""
    for state in states(host):
        for kind in ("subscriptions/*/*", "imports/*/*"):
            for metadata in state.glob(f"{kind}/metadata"):
                newest: dict[str, Release] = {}
                for target in (metadata / "targets").glob("*"):
                    with suppress(InvalidReleaseError, OSError):
                        release = Release.from_json(target.read_bytes())
                        newest[release.channel] = max(
                            release, newest.get(release.channel, release), key=lambda each: each.number
                        )
                yield from newest.values()


def _recent_runs(log: Path, now: datetime) -> Iterator[str]:
    if not log.exists():
        return
    since = now - timedelta(days=RUN_DAYS)
    for line in log.read_bytes().splitlines():
        form = _json(line)
        if isinstance(form, dict) and still_runs(form.get("process")):
            yield from _words(form)
            continue
        with suppress(KeyError, TypeError, ValueError):
            if datetime.fromisoformat(form["at"]).astimezone(UTC) < since:
                continue
        yield from _words(form)


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None  # a line cut off by a power cut


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _words(item)
    elif isinstance(value, list):
        for item in value:
            yield from _words(item)
