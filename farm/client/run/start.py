"""Starting a run: packages of a channel in a container without an image, from the request to the engine."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from farm.client.repository.offline import KeptLists
from farm.client.repository.placed_packages import placed_packages, release_ref
from farm.client.repository.progress import NO_PROGRESS
from farm.client.run.engine import choose_engine, grant
from farm.client.run.late_binding import LateBoundRun
from farm.client.run.links import links_directory
from farm.client.run.prepare import Started, prepare
from farm.client.run.prepared_run import settings_of
from farm.client.run.record import append_run, run_form
from farm.client.run.request import run_options
from farm.client.run.selection import select_packages
from farm.client.run.user_mounts import check_writable, mounts_of
from farm.core.sets.members.set_record import SetRecord
from farm.core.sets.needs.host import joint_needs
from farm.store.http.time_limits import Deadline

if TYPE_CHECKING:
    from pathlib import Path

    from farm.client.repository.host import Host
    from farm.client.repository.progress import AnnouncingProgress, Progress
    from farm.client.run.engine import Granted
    from farm.client.run.request import RunRequest
    from farm.client.run.selection import SelectedPackages
    from farm.core.subscriber.image_file import ImageFile


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A run that is about to start: its set, the privileges that it is granted, and the name of the engine."""

    record: SetRecord
    granted: Granted
    engine: str


def start(host: Host, request: RunRequest, progress: AnnouncingProgress[PlannedRun] = NO_PROGRESS) -> int:
    """Run a command over packages in a container, and return its exit status; with Docker it does not return.

    Raises `RunRequestError`, what choosing an engine, verifying and fetching raise, `RefusedByPolicyError`,
    `host-needs`, `writable-mount`, and what the user's own files raise.
    """
    settings = settings_of(str(host.state))
    image_file = _read(request.file) if request.file else None
    engine = choose_engine(request.engine, request.docker)
    request.check_publishing(engine.name)
    check_writable(host, request.mounts)
    with host.in_use(progress.wait_for):
        selected = select_packages(host, request, image_file, Deadline.after(request.waited))
        packages = selected.packages
        request.policy.check(host, selected.catalogue, packages, KeptLists(host) if selected.last else host)
        own = mounts_of(host, request.file, image_file, packages)
        options = run_options(request, image_file, own)
        granted = grant(options, joint_needs(package.descriptor.host for package in packages), engine)
        unpacked = _unpacked(host, selected, progress)
        links = links_directory(host.state, own.composition)
        placed, release = placed_packages(selected.catalogue, packages), release_ref(selected.catalogue.release)
        record = SetRecord(request.names(image_file), placed, (release,))
        progress.announce(PlannedRun(record, granted, engine.name))
        run = LateBoundRun(packages[0].descriptor.platform, own.composition, unpacked, links, granted.options)
        if (
            request.prepare_as
            and request.preview is None
            and not (selected.last or request.environment or granted.unknown or own.binds or own.hidden)
        ):
            files = [file for file in (request.file, request.policy.file) if file]
            with suppress(OSError):  # it starts nevertheless
                started = Started(record, run, *request.usual_command(image_file), files)
                prepare(host, request.prepare_as, settings, engine, started)
        now = datetime.now(UTC).isoformat()
        append_run(str(host.state), now, run_form(record, links), options.command[0], engine.name)
    return engine.start(run)


def _read(file: Path) -> ImageFile:
    from farm.core.subscriber.image_file import read_image_file  # noqa: PLC0415  (loads a YAML reader)

    return read_image_file(file.read_bytes(), str(file))


def _unpacked(host: Host, selected: SelectedPackages, progress: Progress) -> dict[str, Path]:
    size = sum(package.entry.archive.size for package in host.lacking(selected.packages))
    with selected.fetching(), progress.fetch(size) as arrived:
        return host.unpack(selected.packages, arrived)
