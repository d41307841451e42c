"""Changing a root: installing, upgrading, removing, rolling back.

All but the last make one new generation, or change nothing. Rolling back is one rename, and nothing is fetched.
Everything is fetched, verified and proven before the root changes, and the change is one rename.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from farm.client.findings.policy_in_force import NO_POLICY, PolicyInForce
from farm.client.repository.archives import keep_sboms
from farm.client.repository.download import DownloadError
from farm.client.repository.host import composition_of
from farm.client.repository.known_advisories import keep_advisories
from farm.client.repository.placed_packages import placed_packages, release_ref
from farm.client.repository.progress import NO_PROGRESS
from farm.client.repository.subscriptions import SubscriptionError
from farm.client.root.generation import Generation
from farm.client.root.generations import Root, RootError
from farm.client.root.installed_set import InstalledSet
from farm.client.root.lock_file import locked_packages, read_lock
from farm.client.root.root_channel import catalogue_of_root, check_still_there
from farm.client.root.sensitive_additions import sensitive_additions
from farm.core.sets.composition.compose import compose
from farm.core.sets.members.set_record import SetRecord, changes
from farm.errors import FarmError
from farm.store.errors import CorruptBlobError, MissingBlobError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from farm.client.repository.catalogue import Catalogue, VerifiedPackage
    from farm.client.repository.host import Host
    from farm.client.repository.progress import AnnouncingProgress, Progress
    from farm.client.root.sensitive_additions import SensitiveAdditions
    from farm.core.names.package_name import PackageName
    from farm.core.package.sensitive_files import SensitiveFinding
    from farm.core.sets.members.set_record import PackageChange


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a root, planned or made. `after` has the number 0 until it is made; `fetched` is in bytes.

    `sensitive` are the sensitive files that the change adds.
    """

    before: Generation | None
    after: Generation
    packages: tuple[PackageChange, ...]
    fetched: int = 0
    sensitive: tuple[SensitiveAdditions, ...] = ()

    @property
    def nothing(self) -> bool:
        """Whether the root already holds exactly this set, requested by the same names."""
        if self.before is None:
            return False
        old, new = self.before.set, self.after.set
        return (old.asked, old.packages) == (new.asked, new.packages)


@dataclass(frozen=True, slots=True)
class RootRequest:
    """What is requested: `packages` of a channel in a root, or exactly the set of the lock file `locked`.

    Without a `channel`, the root's own channel is used. With `dry_run`, nothing is fetched and nothing changes.
    """

    root: Path
    packages: tuple[str, ...] = ()
    locked: Path | None = None
    channel: str = ""
    policy: PolicyInForce = NO_POLICY
    dry_run: bool = False


def install_packages(host: Host, request: RootRequest, progress: AnnouncingProgress[Change] = NO_PROGRESS) -> Change:
    """Install packages into a root, with their needs and with the packages requested before.

    Raises what choosing a channel, verifying and fetching raise, `RefusedByPolicyError`, `RootError`.
    """
    if request.locked:
        return _install_locked(host, request, request.locked, progress)
    root = Root(request.root)
    catalogue = catalogue_of_root(host, root, request.packages, request.channel)
    check_still_there(host, root, catalogue)
    with _locked(host, root, request, progress):
        before = root.current() if request.packages else root.installed()
        _check_distribution(root, before, catalogue)
        asked = (*map(catalogue.known_as, request.packages), *(before.set.asked if before else ()))
        packages = catalogue.verified(asked)
        request.policy.check(host, catalogue, packages)
        record = SetRecord(asked, placed_packages(catalogue, packages), (release_ref(catalogue.release),))
        why = f"install {' '.join(request.packages)}" if request.packages else "upgrade"
        change = _changed_to(host, request, record, packages, why=why, progress=progress)
        if not request.dry_run:
            keep_advisories(host, catalogue.release, record)
        return change


def upgrade_root(host: Host, request: RootRequest, progress: AnnouncingProgress[Change] = NO_PROGRESS) -> Change:
    """Upgrade all requested packages of a root to the newest release.

    Raises as `install_packages`, and `RootError` for a root in which nothing is installed.
    """
    Root(request.root).installed()
    return install_packages(host, replace(request, packages=()), progress)


def remove_packages(host: Host, request: RootRequest, progress: AnnouncingProgress[Change] = NO_PROGRESS) -> Change:
    """Remove requested packages from a root, with everything that nothing else needs. The rest stays as it was.

    Needs no release, and so no network. Raises `not-asked-for`, `RootError`.
    """
    root = Root(request.root)
    root.installed()  # before a lock is made in a directory that is not a root
    with _locked(host, root, request, progress):
        before = root.installed()
        gone = {_asked_as(before, name, root) for name in request.packages}
        asked = [name for name in before.set.asked if name not in gone]
        installed = InstalledSet(host, before.set)
        placed = installed.placed(asked)
        record = SetRecord(tuple(asked), placed, before.set.releases)
        change = _planned(before, record, f"remove {' '.join(request.packages)}")
        progress.announce(change)
        if request.dry_run:
            return change
        if missing := root.lacks(change.after):
            raise RootError(
                f"{root.path} is damaged: {', '.join(missing)} is gone",
                remedy="Repair it first: `farm upgrade --root`.",
            )
        composition = compose(installed.described(placed), base=None)
        return replace(change, after=root.install(change.after, composition.forest, {}))


def roll_back(root: Root, number: int | None = None) -> Change:
    """Make a state the current one; without a number, the one before the current.

    With a number, the record of the current state need not be readable. Raises `no-such-generation`, `RootError`.
    """
    with root.locked(make=False):
        before: Generation | None = None
        if number is None:
            before = root.installed()
            earlier = [generation.number for generation in root.generations() if generation.number < before.number]
            if not earlier:
                raise FarmError(
                    f"{root.path} keeps no generation before {before.number}, the current one",
                    remedy="Nothing was changed. See `farm list --root` with --generations.",
                    code="no-such-generation",
                )
            number = earlier[-1]
        else:
            with suppress(RootError):
                before = root.installed()
        after = root.roll_back(number)
        return Change(before, after, changes(before.set if before else None, after.set))


def _install_locked(host: Host, request: RootRequest, locked: Path, progress: AnnouncingProgress[Change]) -> Change:
    """Make a root hold exactly the set of a lock file."""
    record = read_lock(locked)
    packages = locked_packages(host, record)
    if not request.policy.read().limits_nothing:
        for release in record.releases:
            request.policy.check(host, host.catalogue(release.subscription), packages)
    with _locked(host, Root(request.root), request, progress):
        change = _changed_to(host, request, record, packages, why=f"install --locked {locked.name}", progress=progress)
        if not request.dry_run:
            for release in record.releases:
                with suppress(FarmError, OSError):  # as `keep_advisories`
                    keep_advisories(host, host.pinned(release).release, record)
        return change


def _check_distribution(root: Root, before: Generation | None, catalogue: Catalogue) -> None:
    own = catalogue.release.distribution
    for held in before.set.releases if before else ():
        if held.distribution != own:
            raise RootError(
                f"{root.path} holds packages of {held.distribution}, not of {own}",
                remedy=f"Nothing was changed. Install those of {own} into a root of their own.",
            )


def _changed_to(
    host: Host,
    request: RootRequest,
    record: SetRecord,
    packages: Sequence[VerifiedPackage],
    *,
    why: str,
    progress: AnnouncingProgress[Change],
) -> Change:
    """Announce the change of a root to a set of verified packages, fetch what is missing, and switch the root to it."""
    root, composition = Root(request.root), composition_of(packages)
    missing = [package for package in packages if not root.package(package.store).is_dir()]
    size = sum(package.entry.archive.size for package in host.lacking(missing))
    # A lock file has no build numbers; they are known once the packages are verified.
    numbered = record.with_builds({str(package.descriptor.name): package.build for package in packages})
    change = _planned(root.current(), numbered, why, size)
    change = replace(change, sensitive=_sensitive_additions(host, change, packages))
    progress.announce(change)
    if request.dry_run:
        return change
    if change.before and change.nothing and not root.lacks(change.before):
        return replace(change, after=root.confirm(change.before, numbered))
    with progress.fetch(size) as arrived:
        unpacked = host.unpack(missing, arrived)
    change = replace(change, after=root.install(change.after, composition.forest, unpacked))
    keep_sboms(packages)  # last: what the root needs comes first on a nearly full disk
    return change


def _planned(before: Generation | None, record: SetRecord, why: str, fetched: int = 0) -> Change:
    made = datetime.now(UTC).isoformat(timespec="seconds")
    after = Generation(0, made, why, record)
    return Change(before, after, changes(before.set if before else None, record), fetched)


def _sensitive_additions(
    host: Host, change: Change, packages: Sequence[VerifiedPackage]
) -> tuple[SensitiveAdditions, ...]:
    """Return the sensitive files that a change adds, without those that the same package had before."""
    old = {package.old.descriptor for package in change.packages if package.old}
    new = {package.new.descriptor for package in change.packages if package.new}
    known: frozenset[tuple[PackageName, SensitiveFinding]] = frozenset()
    if change.before and old:
        gone = tuple(package for package in change.before.set.packages if package.descriptor in old)
        # Where the old package is no longer described on this host, all its sensitive files are reported again.
        with suppress(DownloadError, SubscriptionError, MissingBlobError, CorruptBlobError):
            known = InstalledSet(host, replace(change.before.set, packages=gone)).sensitive_files()
    return tuple(
        files
        for package in packages
        if package.descriptor.digest in new
        for files in sensitive_additions(
            package.descriptor,
            package.manifest,
            package.facts,
            [finding for name, finding in known if name == package.descriptor.name],
        )
    )


@contextmanager
def _locked(host: Host, root: Root, request: RootRequest, progress: Progress) -> Iterator[None]:
    """Keep others from changing the root, and `farm gc` from changing the cache; a dry run only reads."""
    if request.dry_run:
        yield
        return
    root.check()
    with host.in_use(progress.wait_for):
        host.roots.add(root.path)
        with root.locked(waiting=progress.wait_for):
            yield


def _asked_as(state: Generation, name: str, root: Root) -> str:
    """Return the requested name that stands for a package. Raises `not-asked-for`."""
    package = state.set.package(name)
    names = {name, *((str(package.name), package.name.short) if package else ())}
    found = next((asked for asked in state.set.asked if asked in names), None)
    if found is None:
        asked = f"Requested there: {', '.join(state.set.asked) or 'nothing'}."
        if package is None:
            raise FarmError(f"{name} is not installed in {root.path}", remedy=asked, code="not-asked-for")
        raise FarmError(
            f"{name} was not requested in {root.path}: other packages need it",
            remedy=f"Remove those. {asked}",
            code="not-asked-for",
        )
    return found
