"""What a host must keep, because a root, an image, a recent run or another record refers to it.

Every word in a record that is a digest or the name of a package's directory counts as a reference: the meaning of the
record does not matter, so records of a new kind keep what they name without a change here.
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
"""How long packages stay after the last start of a run that used them."""
_RECORDS = ("images/*.json", "overrides/**/*.json", "packed/*/*.json", "builds/*.json")


def referred(host: Host, now: datetime, *, without: Collection[tuple[Path, int]] = ()) -> set[str]:
    """Return every word of all records in all state directories that share this host's cache.

    `without` are generations that do not count, by root and number. Raises `RootError`, and `OSError` where a state
    directory or a root cannot be read: then its needs are unknown.
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
    """Return every word of the records of current and recent runs, in all state directories. Raises as `states`."""
    return {word for state in states(host) for word in _recent_runs(state / LOG, now)}


def newest_releases(host: Host) -> Iterator[Release]:
    """Yield the newest release that each subscription of all state directories has verified, and each import pin."""
    for state in states(host):
        for kind in ("subscriptions/*/*", "imports/*/*"):
            for metadata in state.glob(f"{kind}/metadata"):
                newest: dict[str, Release] = {}
                for target in (metadata / "targets").glob("*"):
                    with suppress(InvalidReleaseError, OSError):
                        release = Release.from_json(target.read_bytes())
                        known = newest.get(release.channel, release)
                        newest[release.channel] = max(release, known, key=lambda found: found.number)
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
