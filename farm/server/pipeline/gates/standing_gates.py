"""The gates in force on every channel, whatever its policy: holds, rollbacks, older versions, refusals."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from farm.core.names.version import Version
from farm.core.policy.gate_kind import GateKind
from farm.server.channels import excuses, releases, rollbacks
from farm.server.curation import holds, signed_orders
from farm.server.packages import packages as package_rows
from farm.server.pipeline.gates.gate_result import PackageGateResult
from farm.server.tables.records import Package

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from farm.core.names.digest import Digest
    from farm.server.channels.rollbacks import RollbackRecord
    from farm.server.pipeline.gates.gate_result import MovingPackage
    from farm.server.transaction.unit_of_work import UnitOfWork

FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(days=1)


class Holds:
    """No curator holds the package on this channel."""

    kind = GateKind.HOLD

    def check(
        self, unit: UnitOfWork, channel: str, packages: Sequence[MovingPackage]
    ) -> Mapping[str, PackageGateResult]:
        """Return the results of packages on hold; they wait if the hold has an end."""
        return _held(unit, channel, packages, goes="", lifted="enter")

    def check_removal(
        self, unit: UnitOfWork, channel: str, packages: Sequence[MovingPackage]
    ) -> Mapping[str, PackageGateResult]:
        """Return the results of packages on hold: a held package is not removed either."""
        return _held(unit, channel, packages, goes=", so it is not removed", lifted="be removed")


def _held(
    unit: UnitOfWork, channel: str, packages: Sequence[MovingPackage], *, goes: str, lifted: str
) -> Mapping[str, PackageGateResult]:
    held = holds.holds_on(unit.session, channel, (package.name for package in packages), now=unit.now)
    return {
        name: PackageGateResult(
            "waiting" if hold.until else "failed",
            f"{hold.held_by} holds it on {channel}{goes}: {hold.reason}",
            f"Ask {hold.held_by}; `farm channel hold {channel} {name} --lift` lets it {lifted}.",
            hold.until,
        )
        for name, hold in held.items()
    }


class RolledBack:
    """No rollback has removed the package or left it out: after a rollback, only new builds enter without an order."""

    kind = GateKind.ROLLED_BACK

    def check(
        self, unit: UnitOfWork, channel: str, packages: Sequence[MovingPackage]
    ) -> Mapping[str, PackageGateResult]:
        """Return the results of packages that a rollback kept out, unless a curator has ordered them in since."""
        found = rollbacks.kept_out(unit.session, channel, [package.digest for package in packages])
        remedy = "A new version enters automatically; to release this one: `farm candidate retry {} {}`."
        return _rolled_back(channel, packages, found, remedy)

    def check_removal(
        self, unit: UnitOfWork, channel: str, packages: Sequence[MovingPackage]
    ) -> Mapping[str, PackageGateResult]:
        """Return the results of packages that a rollback kept in, unless a curator has ordered them out since."""
        found = rollbacks.kept_in(unit.session, channel, [package.digest for package in packages])
        return _rolled_back(channel, packages, found, "`farm candidate retry {} {}` lets it go.")


def _rolled_back(
    channel: str, packages: Sequence[MovingPackage], found: Mapping[Digest, RollbackRecord], remedy: str
) -> Mapping[str, PackageGateResult]:
    kept = ((package.name, found[package.digest]) for package in packages if package.digest in found)
    return {
        name: PackageGateResult(
            "failed",
            f"release {record.release} of {channel}, a rollback, {record.action}: {record.reason}",
            remedy.format(channel, name),
        )
        for name, record in kept
        if not record.allows(name)
    }


@dataclass(frozen=True)
class Older:
    """No package becomes older without a signed order of a curator. In force where orders are signed.

    `ordered` are packages that a signed order names: signer and checker decide about these.
    """

    kind = GateKind.OLDER
    ordered: frozenset[str] = frozenset()

    def check(
        self, unit: UnitOfWork, channel: str, packages: Sequence[MovingPackage]
    ) -> Mapping[str, PackageGateResult]:
        """Return the results of packages that are older than what the channel has, or had last."""
        if signed_orders.who_orders(unit.session) is None:
            return {}
        own = [package for package in packages if isinstance(package, Package) and package.name not in self.ordered]
        last = releases.last_members(unit.session, channel, (package.name for package in own))
        known = package_rows.by_digest(unit.session, last.values())
        found = {}
        for package in own:
            before = known.get(last[package.name]) if package.name in last else None
            if before is not None and _age(package) < _age(before):
                found[package.name] = PackageGateResult(
                    "failed",
                    f"it is older than {before.printed_version}, which {channel} has or had last",
                    f"A newer version enters automatically; to release this one: `farm candidate retry "
                    f"{channel} {package.name}`, signed with your own key.",
                )
        return found


def _age(package: Package) -> tuple[Version, int, int]:
    return Version(package.version), package.revision, package.build


@dataclass(frozen=True)
class Refused:
    """The signer has not refused exactly this package lately; meanwhile everything else goes on without it.

    `ordered` are packages that a curator's order names: the signer is asked about these at once.
    """

    kind = GateKind.SIGNER
    ordered: frozenset[str] = frozenset()

    def check(
        self, unit: UnitOfWork, channel: str, packages: Sequence[MovingPackage]
    ) -> Mapping[str, PackageGateResult]:
        """Return the results of packages that the signer did not admit."""
        return _refused(unit, channel, self._not_ordered(packages))

    def check_removal(
        self, unit: UnitOfWork, channel: str, packages: Sequence[MovingPackage]
    ) -> Mapping[str, PackageGateResult]:
        """Return the results of packages whose removal the signer refused."""
        return _refused(unit, channel, dict.fromkeys(self._not_ordered(packages)))

    def _not_ordered(self, packages: Sequence[MovingPackage]) -> dict[str, Digest]:
        """Return the packages that no order names by their own name or by that of another output of their build."""
        ordered = [package for package in packages if package.name in self.ordered]
        builds = {package.plan for package in ordered if isinstance(package, Package)}
        return {
            package.name: package.digest
            for package in packages
            if package.name not in self.ordered and not (isinstance(package, Package) and package.plan in builds)
        }


def _refused(unit: UnitOfWork, channel: str, packages: Mapping[str, Digest | None]) -> dict[str, PackageGateResult]:
    refusals = excuses.refusals_in_force(unit.session, channel, packages, now=unit.now)
    return {
        excuse.package: PackageGateResult("failed", excuse.reason, excuse.remedy, until=excuse.until)
        for excuse in refusals
    }


def asked_again_at(now: datetime, refused_before: int) -> datetime:
    """Return when the signer is asked again about a package: the pause doubles each time, up to a day."""
    return now + min(FIRST_WAIT * (1 << min(refused_before, 11)), LONGEST_WAIT)
