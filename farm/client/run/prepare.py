"""Preparing a run for the next time that it is requested by the same words, for `farm.client.run.prepared_run`.

Only a run that can be checked at the next start by simple comparisons is prepared. So a run with packages of other
distributions or the user's own packages and files is not, nor one that shows notes at each start. What a policy
accepted it will accept again: the advisories are under the timestamp that is compared, like the release, until they
expire.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from farm.client.run.prepared_run import keep, stamp
from farm.client.run.record import run_form
from farm.trust.layout import ADVISORIES
from farm.trust.verification.last_verified import metadata_ends

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farm.client.repository.host import Host
    from farm.client.repository.known_release import NewestRelease
    from farm.client.run.engine import RunEngine
    from farm.client.run.late_binding import LateBoundRun
    from farm.core.sets.members.set_record import SetRecord


@dataclass(frozen=True, slots=True)
class Started:
    """A run that was verified completely, and its set.

    `entrypoint` comes before the user's words of the command, `usual` is used where there are none. `files` were read
    for the run: an image file, a policy.
    """

    record: SetRecord
    run: LateBoundRun
    entrypoint: Sequence[str]
    usual: Sequence[str]
    files: Sequence[Path]


def prepare(host: Host, key: str, settings: Mapping[str, object], engine: RunEngine, started: Started) -> None:
    """Store a run under a key if it can be started again; `settings` are the stamps from before the run began.

    Raises `OSError`.
    """
    run, options = started.run, started.run.options
    if not _is_of_one_release(started.record) or any(bind.writable for bind in options.binds):
        return
    start = engine.again(run)
    if start is None:
        return
    looks = [_look(host, release) for release in host.seen]
    paths = [Path(folder) for folder, _, _ in os.walk(run.links)]
    paths += [*run.packages.values(), *(host.cache.record(store) for store in run.packages)]
    paths += [file.absolute() for file in started.files]
    ends = [end for look in looks for end in metadata_ends(Path(look["metadata"]), [ADVISORIES])]
    form = {
        "settings": settings,
        "stamps": {str(path): stamp(str(path)) for path in paths},
        "present": [*(str(bind.source) for bind in options.binds), *options.devices],
        "looks": looks,
        "ends": min(ends).timestamp() if ends else None,
        "entrypoint": list(started.entrypoint),
        "usual": list(started.usual),
        "engine": engine.name,
        "start": start,
        "run": run_form(started.record, run.links),
    }
    keep(host.state, key, form)


def _is_of_one_release(record: SetRecord) -> bool:
    return len(record.releases) == 1 and all(
        package.channel == release.subscription
        and package.name.distribution == release.distribution
        and not package.is_override
        for release in record.releases
        for package in record.packages
    )


def _look(host: Host, newest: NewestRelease) -> dict[str, str]:
    subscription = newest.subscription
    return {
        "metadata": str(host.subscriptions.metadata_folder(subscription)),
        "channel": subscription.channel,
        "address": subscription.address,
        "release": newest.release.digest,
        "builders": newest.builders,
    }
