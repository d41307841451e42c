"""The unit of work of one decision: a transaction, the blobs, the policies, and the current time."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from farm.server.documents.archive_cache import ArchiveCache
from farm.server.documents.package_cache import MemberReader
from farm.server.documents.recipe_storage import RecipeStorage
from farm.server.tables.session import lock_planning
from farm.server.transaction.planning_inputs import PreviewPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlmodel import Session

    from farm.server.documents.log_store import LogStore
    from farm.server.tables.session import Database
    from farm.server.transaction.planning_inputs import LeasePolicy, PlanningInputs
    from farm.store.blobs import BlobStore


def utc_now() -> datetime:
    """Return the time on this machine's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class UnitOfWork:
    """What a decision may read and write."""

    session: Session
    blobs: BlobStore
    recipes: RecipeStorage
    packages: MemberReader
    inputs: PlanningInputs
    lease_policy: LeasePolicy
    preview_policy: PreviewPolicy
    now: datetime


@dataclass(frozen=True, slots=True)
class Application:
    """Makes units of work: one for each process that decides."""

    database: Database
    blobs: BlobStore
    recipes: RecipeStorage
    packages: MemberReader
    archives: ArchiveCache
    inputs: PlanningInputs
    logs: LogStore
    lease_policy: LeasePolicy
    clock: Callable[[], datetime] = utc_now
    preview_policy: PreviewPolicy = field(default_factory=PreviewPolicy)

    @classmethod
    def open(
        cls, database: Database, blobs: BlobStore, logs: LogStore, inputs: PlanningInputs, lease_policy: LeasePolicy
    ) -> Application:
        """Return an application with caches of its own."""
        recipes, packages, archives = RecipeStorage(blobs, inputs.steps), MemberReader(blobs), ArchiveCache(blobs)
        return cls(database, blobs, recipes, packages, archives, inputs, logs, lease_policy)

    @contextmanager
    def planning(self) -> Iterator[UnitOfWork]:
        """A unit of work that decides which jobs become ready: one at a time in the farm; committed at the end."""
        with self.database.write() as session:
            lock_planning(session)
            yield self._unit(session)

    @contextmanager
    def writing(self) -> Iterator[UnitOfWork]:
        """A unit of work that writes single rows; committed at the end."""
        with self.database.write() as session:
            yield self._unit(session)

    @contextmanager
    def reading(self) -> Iterator[UnitOfWork]:
        """A unit of work that only reads; what is written is rolled back."""
        with self.database.read() as session:
            yield self._unit(session)

    def _unit(self, session: Session) -> UnitOfWork:
        # The clock is read when the transaction has begun: a lease that expired while it waited has expired.
        return UnitOfWork(
            session,
            self.blobs,
            self.recipes,
            self.packages,
            self.inputs,
            self.lease_policy,
            self.preview_policy,
            self.clock(),
        )
