"""Checking that the packages of a set are those that a signed release holds."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

from farm.client.findings.verification import RECORD, Fault
from farm.client.repository.catalogue import UnknownPackageError
from farm.client.repository.earlier_releases import release_with
from farm.client.repository.placed_packages import release_ref
from farm.client.repository.subscriptions import SubscriptionError

if TYPE_CHECKING:
    from farm.client.repository.catalogue import Catalogue
    from farm.client.repository.host import Host
    from farm.core.package.descriptor import Descriptor
    from farm.core.sets.members.set_record import PlacedPackage, SetRecord


class SignedIndex:
    """Searches packages in the releases that a set names, else in all of their channels; each is opened once."""

    def __init__(self, host: Host, record: SetRecord) -> None:
        self._record = record
        self._pinned = cache(host.pinned)
        self._newest = cache(host.catalogue)

    def home(self, placed: PlacedPackage) -> Catalogue | None:
        """Return the release that holds this very build, None where none does.

        Raises what subscriptions and metadata raise: what cannot be checked is not known.
        """
        for catalogue in (self._pinned(ref) for ref in self._record.releases if ref.subscription == placed.channel):
            with suppress(UnknownPackageError):
                if catalogue.entry(catalogue.known_as(str(placed.name))).descriptor.digest == placed.descriptor:
                    return catalogue
        newest = self._newest(placed.channel)
        if placed.name.distribution != newest.release.distribution:
            return None  # only the importing release states which build is imported
        found = release_with(newest, placed.name.short, lambda entry: entry.descriptor.digest == placed.descriptor)
        return self._pinned(release_ref(found[0])) if found else None

    def fault(self, placed: PlacedPackage, descriptor: Descriptor) -> Fault | None:
        """Return what is wrong with a package's record; for overrides and local builds, only the descriptor counts."""
        if wrong := misdescribed(placed, descriptor):
            return wrong
        if placed.channel and not placed.is_override and self.home(placed) is None:
            how = f"no release of {placed.channel} that can be had holds this build"
            return Fault(str(placed.name), "", "unsigned", how)
        return None

    def unsigned(self) -> tuple[str, ...]:
        """Return the packages that the user put into the set and no release holds, as users write them."""
        return tuple(
            f"{package.name} {package.full_version}"
            for package in self._record.packages
            if not package.channel or (package.is_override and not self._is_released(package))
        )

    def _is_released(self, placed: PlacedPackage) -> bool:
        try:
            return self.home(placed) is not None
        except SubscriptionError:  # of a channel that is no longer followed
            return False


def misdescribed(placed: PlacedPackage, descriptor: Descriptor) -> Fault | None:
    """Return a fault where a record names a package otherwise than the package's own descriptor does."""
    recorded = (placed.name, placed.version, placed.revision, placed.store)
    described = (descriptor.name, str(descriptor.version), descriptor.revision, descriptor.store_path)
    if recorded == described:
        return None
    what = f"it is recorded as {placed.name} {placed.full_version}, and described as {descriptor.name}"
    return Fault(RECORD, "", "altered", f"{what} {descriptor.version}-{descriptor.revision}")
