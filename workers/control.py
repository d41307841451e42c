"""The control worker: sends the outbox, takes back expired leases, wakes workers again, and takes channels forward.

`python -m workers.control --settings FILE`. Any number may run: everything they do may be done twice. Only one at a
time should have a repository and a signer in its settings: two would test and publish the same candidates, and the
slower one would be refused each time.
"""

from __future__ import annotations

from farm.extras import exit_without

if __name__ == "__main__":
    exit_without("server", "python -m workers.control")

import argparse
import logging
import sys
import threading
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from celery.beat import Scheduler, Service

from farm.build.recipe_directory import read_recipe_directory
from farm.client.repository.download import Downloads
from farm.client.repository.readers import HttpReader
from farm.errors import FarmError, Place, plain_text
from farm.server import upkeep
from farm.server.application import CHANGING, FarmSettings, InvalidSettingsError, open_application
from farm.server.events.deliveries import deliver_due
from farm.server.federation.following import DistributionFollower
from farm.server.git.disconnecting import remove_ended
from farm.server.git.status_delivery import deliver_statuses
from farm.server.git.sync import SyncSettings, sync_next
from farm.server.git.verdicts import show_verdicts
from farm.server.jobs.settling import settle_all_marked
from farm.server.pipeline.channels import Channels
from farm.server.pipeline.publishing.advisory_publication import AdvisoryPublication
from farm.server.pipeline.publishing.lost_blobs import BlobWatch
from farm.server.pipeline.publishing.preview_publication import PublicPreviews
from farm.server.pipeline.repository.order_delivery import OrderDelivery
from farm.server.pipeline.repository.public_store import PublicStore
from farm.server.pipeline.repository.signer_client import SignerClient
from farm.server.submissions.previewing import expire_previews
from farm.store.git.program import GitLimits
from farm.store.http.address_guard import AddressGuard
from farm.store.http.exchange import ExchangePolicy
from workers.broker import BUILD_QUEUE, CONTROL_QUEUE, celery_app, log_to_stderr, say_when_ready, worker_arguments

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from celery import Celery

    from farm.server.tables.records import OutboxMessage
    from farm.server.transaction.unit_of_work import Application
    from farm.trust.verification.client_metadata import RepositoryReader

_LOG = logging.getLogger("farm.server")
_MESSAGE_EXPIRES = 3600
_REPOSITORIES_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class PeriodicTask:
    """A function that a control worker runs every `seconds`, under the name of a task."""

    task: str
    seconds: float
    run: Callable[[], object]


def periodic_tasks(application: Application, send: Callable[[OutboxMessage], None]) -> tuple[PeriodicTask, ...]:
    """Return the tasks that every control worker has; `send` gives a message to the broker."""
    return (
        PeriodicTask("farm.control.dispatch", 0.5, lambda: upkeep.dispatch(application, send)),
        PeriodicTask("farm.server.jobs.leases", 2.0, lambda: upkeep.take_back_expired(application)),
        PeriodicTask("farm.control.settle", 1.0, lambda: settle_all_marked(application, seconds=1.0)),
        PeriodicTask("farm.control.ring", 10.0, lambda: upkeep.notify_again(application)),
        PeriodicTask("farm.control.quiet", 10.0, lambda: upkeep.notify_after_quiet(application)),
        PeriodicTask("farm.control.forget", 600.0, lambda: upkeep.forget(application)),
    )


def notification_tasks(application: Application, settings: FarmSettings) -> tuple[PeriodicTask, ...]:
    """Return the task that sends messages to webhooks, whose addresses people choose: private ones are refused."""
    policy = ExchangePolicy(AddressGuard(settings.webhook_networks, "FARM_WEBHOOK_NETWORKS"))
    address = settings.address.rstrip("/")
    deliver = BackgroundTask(lambda: deliver_due(application, policy, address))
    return (PeriodicTask("farm.control.notify", 1.0, deliver),)


def release_tasks(
    application: Application, settings: FarmSettings, following: DistributionFollower | None
) -> tuple[PeriodicTask, ...]:
    """Return the tasks that advance channels and publish advisories; none without a repository and a signer."""
    if settings.repository is None or settings.signer is None:
        return ()
    repository, signer = settings.repository, SignerClient(settings.signer)
    unseen = following.unseen if following else lambda _unit: ()
    channels = Channels(application, settings.recipes, repository, signer, unseen)
    delivery, publication = OrderDelivery(application, signer), AdvisoryPublication(application, repository, signer)
    turn = threading.Lock()

    def advance() -> None:
        # A candidate may take longer than one tick: the next tick then does nothing.
        if not turn.acquire(blocking=False):
            return
        try:
            publication.advance()  # first: the gates ask for what it publishes
            channels.advance()
        finally:
            turn.release()

    watch = BlobWatch(application, repository)
    return (
        # The signer answers nothing else while a release is being checked.
        PeriodicTask("farm.control.orders", 1.0, BackgroundTask(delivery.deliver)),
        PeriodicTask("farm.control.advance", 1.0, advance),
        PeriodicTask("farm.control.sign-previews", 1.0, BackgroundTask(channels.sign_previews)),
        PeriodicTask("farm.control.blobs", 10.0, BackgroundTask(watch.check)),
    )


def git_tasks(application: Application, settings: FarmSettings) -> tuple[PeriodicTask, ...]:
    """Return the tasks that read connected git repositories, and show verdicts on their forges.

    People choose their addresses: private ones are refused.
    """
    policy = ExchangePolicy(AddressGuard(settings.allowed_networks))
    address = settings.address.rstrip("/")
    place = settings.git or settings.logs.parent / "git"
    sync = SyncSettings(
        place,
        address,
        policy,
        limits=GitLimits(file=settings.git_bytes),  # a repository that is larger as one pack cannot be fetched
        every=timedelta(seconds=settings.git_seconds),
        most_bytes=settings.git_bytes,
    )

    def update_forges() -> None:
        remove_ended(application)  # first: an error below keeps no token longer
        show_verdicts(application, address)
        deliver_statuses(application, policy)

    return (
        # Several: one that is slow delays no other one.
        *(
            PeriodicTask(f"farm.control.git-{number}", 2.0, BackgroundTask(lambda: sync_next(application, sync)))
            for number in range(1, _REPOSITORIES_AT_ONCE + 1)
        ),
        PeriodicTask("farm.control.statuses", 2.0, BackgroundTask(update_forges)),
    )


def preview_tasks(application: Application, settings: FarmSettings) -> tuple[PeriodicTask, ...]:
    """Return the task that ends previews, and removes what they have built, and what was published of them."""

    def end_previews() -> None:
        if settings.repository is None or settings.signer is None:
            expire_previews(application)
            return
        signer, public = SignerClient(settings.signer), PublicStore(settings.repository, application.blobs)
        expire_previews(application, PublicPreviews(signer, public))

    return (PeriodicTask("farm.control.previews", 30.0, BackgroundTask(end_previews)),)


def following_of(application: Application, settings: FarmSettings) -> DistributionFollower | None:
    """Return the follower of other distributions; None if the recipes name none.

    Their owners choose the addresses of their names: private networks are refused unless the operator allows them.
    """
    if not application.inputs.distributions:
        return None
    guard = AddressGuard(settings.allowed_networks)

    def open_repository(address: str) -> tuple[RepositoryReader, Downloads]:
        reader = HttpReader(address, guard=guard)
        return reader, Downloads(reader, application.blobs)

    state = settings.foreign or settings.logs.parent / "foreign"
    return DistributionFollower(application, state, open_repository, every=timedelta(seconds=settings.follow_seconds))


def following_tasks(following: DistributionFollower | None) -> tuple[PeriodicTask, ...]:
    """Return the tasks that follow other distributions."""
    if following is None:
        return ()
    return (
        PeriodicTask("farm.control.follow", 2.0, BackgroundTask(following.keep_up)),
        PeriodicTask("farm.control.archives", 5.0, BackgroundTask(following.fetch_archives)),
    )


class BackgroundTask:
    """Runs a function in a thread of its own, unless it is still running: a slow answer delays no other task."""

    def __init__(self, run: Callable[[], object]) -> None:
        self._run = run
        self.thread: threading.Thread | None = None

    def __call__(self) -> None:
        """Start it, unless it is still running."""
        if self.thread is None or not self.thread.is_alive():
            self.thread = threading.Thread(target=self._logged, daemon=True)
            self.thread.start()

    def _logged(self) -> None:
        try:
            self._run()
        except Exception:  # noqa: BLE001  # nothing waits for this thread: its error would be lost
            _LOG.exception("a background task failed")


def send(app: Celery, message: OutboxMessage) -> None:
    """Send a message of the outbox. It is not tried again here: the outbox does so."""
    app.send_task(message.task, args=[message.job_id], queue=BUILD_QUEUE, expires=_MESSAGE_EXPIRES, retry=False)


def control_app(broker: str, add: Callable[[Celery], Sequence[PeriodicTask]]) -> Celery:
    """Return the application with its tasks registered and scheduled."""
    app = celery_app("farm-control", broker, CONTROL_QUEUE)
    schedule: dict[str, Any] = {}
    for periodic in add(app):
        app.task(name=periodic.task)(_without_arguments(periodic.run))
        # A turn that is late by a whole period is skipped.
        options = {"queue": CONTROL_QUEUE, "expires": max(2 * periodic.seconds, 5)}
        schedule[periodic.task] = {"task": periodic.task, "schedule": periodic.seconds, "options": options}
    app.conf.beat_schedule = schedule
    return app


def run(app: Celery, name: str) -> None:
    """Run worker and clock until a signal ends them."""
    # The clock is a thread: a separate process would outlive a killed worker. It keeps its state in memory.
    clock = Service(app, max_interval=1, scheduler_cls=Scheduler)
    threading.Thread(target=clock.start, name="clock", daemon=True).start()
    say_when_ready(name)
    try:
        app.worker_main(worker_arguments(name, CONTROL_QUEUE, concurrency=2))
    finally:
        clock.stop()


def main(arguments: list[str] | None = None) -> int:
    """Run a control worker; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m workers.control", description=__doc__)
    parser.add_argument("--settings", type=Path, required=True, help="JSON file, see farm.server.application")
    parser.add_argument("--name", default="control")
    options = parser.parse_args(arguments)
    log_to_stderr()
    try:
        settings = FarmSettings.read(options.settings)
        if not settings.broker:
            raise InvalidSettingsError(
                "the settings name no `broker`, and control sends its messages through Redis",
                remedy="Set `broker` to the URL of Redis.",
                place=Place(str(options.settings)),
            )
        application = open_application(settings, read_recipe_directory(settings.recipes, leave_out=CHANGING))
        following = following_of(application, settings)
        publishing = (
            *notification_tasks(application, settings),
            *release_tasks(application, settings, following),
            *preview_tasks(application, settings),
            *git_tasks(application, settings),
            *following_tasks(following),
        )
    except FarmError as error:
        sys.stderr.write(f"{plain_text(error, 'control')}\n")
        return error.exit_status
    run(
        control_app(settings.broker, lambda app: (*periodic_tasks(application, partial(send, app)), *publishing)),
        options.name,
    )
    return 0


def _without_arguments(run: Callable[[], object]) -> Callable[[], None]:
    """Return a task's body: a message with arguments is refused, and no result is returned."""

    def body() -> None:
        run()

    return body


if __name__ == "__main__":
    sys.exit(main())
