"""Changing what a root holds: installing, upgrading, removing. Each makes one new generation, or changes nothing.

All is fetched, verified and proven to hold together before the root changes, and that is one rename.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from farm.client.repository.archives import keep_bills
from farm.client.repository.download import DownloadError
from farm.client.repository.host import composition_of
from farm.client.repository.known_advisories import keep_advisories
from farm.client.repository.placed_packages import placed_packages, release_ref
from farm.client.repository.subscriptions import SubscriptionError
from farm.client.root.generation import Generation
from farm.client.root.generations import RootError
from farm.client.root.installed_set import InstalledSet
from farm.client.root.sensitive_additions import sensitive_additions
from farm.core.sets.composition.compose import compose
from farm.core.sets.members.set_changes import changes
from farm.core.sets.members.set_record import SetRecord
from farm.errors import FarmError
from farm.store.errors import CorruptBlobError, MissingBlobError
from farm.store.locks import no_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from farm.client.repository.catalogue import Catalogue, VerifiedPackage
    from farm.client.repository.host import Host
    from farm.client.root.generations import Root
    from farm.client.root.sensitive_additions import SensitiveAdditions
    from farm.core.names.package_name import PackageName
    from farm.core.package.sensitive_files import SensitiveFinding
    from farm.core.plan.job import BlobRef
    from farm.core.sets.members.set_changes import PackageChange
    from farm.store.locks import Waiting

    Progress = Callable[[BlobRef], None]


class NotAskedForError(FarmError):
    """A package is to be removed that nobody asked for: it is not there, or others need it."""

    code = "not-asked-for"


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of a root. `after` has the number 0 until it is made; `fetched` are bytes of archives.

    `sensitive` are the sensitive files that come with it and were not there before.
    """

    before: Generation | None
    after: Generation
    packages: tuple[PackageChange, ...]
    fetched: int = 0
    sensitive: tuple[SensitiveAdditions, ...] = ()

    @property
    def nothing(self) -> bool:
        """Whether the root holds just this already, asked for in the same words."""
        if self.before is None:
            return False
        old, new = self.before.set, self.after.set
        return (old.asked, old.packages) == (new.asked, new.packages)


@dataclass(frozen=True, slots=True)
class InstallOptions:
    """How a root is changed. `allow` sees all packages before any is fetched, and raises for what is not wanted;
    `announce` hears what changes before it does; `fetching` opens what shows the progress of that many bytes.

    With `dry_run` nothing is fetched and nothing changes. `waiting` hears what is locked by somebody else.
    """

    allow: Callable[[Sequence[VerifiedPackage]], None] = lambda _packages: None
    announce: Callable[[Change], None] = lambda _change: None
    fetching: Callable[[int], AbstractContextManager[Progress]] = lambda _size: nullcontext(lambda _blob: None)
    dry_run: bool = False
    waiting: Waiting = no_progress


_PLAIN = InstallOptions()


def install(
    host: Host, catalogue: Catalogue, root: Root, names: Iterable[str], terms: InstallOptions = _PLAIN
) -> Change:
    """Bring packages, and what was asked for before, with all that they need into a root.

    Raises what verifying and fetching raise, `RootError`, and what `terms` do.
    """
    names = tuple(names)
    with _held(host, root, terms):
        before = root.current()
        asked = {*map(catalogue.known_as, names), *(before.set.asked if before else ())}
        return _from_release(host, catalogue, root, asked, why=f"install {' '.join(names)}", terms=terms)


def upgrade(host: Host, catalogue: Catalogue, root: Root, terms: InstallOptions = _PLAIN) -> Change:
    """Bring all that was asked for to a release. Raises as `install`, and for a root in which nothing is installed."""
    with _held(host, root, terms):
        return _from_release(host, catalogue, root, root.installed().set.asked, why="upgrade", terms=terms)


def remove(host: Host, root: Root, names: Iterable[str], terms: InstallOptions = _PLAIN) -> Change:
    """Take packages out that were asked for, with all that nothing else needs. What stays is as it was.

    Needs no release, and so no network. Raises `NotAskedForError`, `RootError`.
    """
    names = tuple(names)
    with _held(host, root, terms):
        before = root.installed()
        gone = {_asked_as(before, name, root) for name in names}
        asked = [each for each in before.set.asked if each not in gone]
        there = InstalledSet(host, before.set)
        placed = there.placed(asked)
        record = SetRecord(tuple(asked), placed, before.set.releases)
        change = _change(before, record, f"remove {' '.join(names)}")
        terms.announce(change)
        if terms.dry_run:
            return change
        _check_whole(root, record)
        composition = compose(there.described(placed), base=None)
        return replace(change, after=root.install(change.after, composition.forest, {}))


def install_exactly(
    host: Host,
    root: Root,
    record: SetRecord,
    packages: Sequence[VerifiedPackage],
    *,
    why: str,
    terms: InstallOptions = _PLAIN,
) -> Change:
    """Make a root hold a recorded set, and nothing else. `packages` are those of the record, verified and proven."""
    with _held(host, root, terms):
        change = _put(host, root, record, packages, why=why, terms=terms)
        for release in () if terms.dry_run else record.releases:
            with suppress(FarmError, OSError):  # as `keep_advisories`
                keep_advisories(host, host.pinned(release).release, record)
        return change


def _from_release(
    host: Host, catalogue: Catalogue, root: Root, asked: Iterable[str], *, why: str, terms: InstallOptions
) -> Change:
    before = root.current()
    release = catalogue.release
    for each in before.set.releases if before else ():
        if each.distribution != release.distribution:
            raise RootError(
                f"{root.path} holds packages of {each.distribution}, not of {release.distribution}",
                remedy=f"Nothing was changed. Install those of {release.distribution} into a root of their own.",
            )
    asked = tuple(asked)
    packages = catalogue.verified(asked)
    terms.allow(packages)
    record = SetRecord(asked, placed_packages(catalogue, packages), (release_ref(catalogue),))
    change = _put(host, root, record, packages, why=why, terms=terms)
    if not terms.dry_run:
        keep_advisories(host, release, record)
    return change


def _put(
    host: Host, root: Root, record: SetRecord, packages: Sequence[VerifiedPackage], *, why: str, terms: InstallOptions
) -> Change:
    before = root.current()
    # What was written down, in a lock file, does not say which builds these are; who has verified them knows.
    record = record.with_builds({str(package.descriptor.name): package.build for package in packages})
    composition = composition_of(packages)
    lacking = host.lacking([package for package in packages if not root.package(package.store).is_dir()])
    change = _change(before, record, why, sum(each.entry.archive.size for each in lacking))
    change = replace(change, sensitive=_brought(host, change, packages))
    terms.announce(change)
    if terms.dry_run:
        return change
    if before and change.nothing and not root.lacks(before):
        return replace(change, after=root.confirm(before, record))
    with terms.fetching(change.fetched) as progress:
        unpacked = host.unpack([package for package in packages if not root.package(package.store).is_dir()], progress)
    change = replace(change, after=root.install(change.after, composition.forest, unpacked))
    keep_bills(packages)  # last: what the root needs comes first on a disk that is nearly full
    return change


def _change(before: Generation | None, record: SetRecord, why: str, fetched: int = 0) -> Change:
    made = datetime.now(UTC).isoformat(timespec="seconds")
    after = Generation(0, made, why, record)
    return Change(before, after, changes(before.set if before else None, record), fetched)


def _brought(host: Host, change: Change, packages: Sequence[VerifiedPackage]) -> tuple[SensitiveAdditions, ...]:
    """Return the sensitive files of what is new in a root, without those that the same package had there before."""
    old = {package.old.descriptor for package in change.packages if package.old}
    new = {package.new.descriptor for package in change.packages if package.new}
    known: frozenset[tuple[PackageName, SensitiveFinding]] = frozenset()
    if change.before and old:
        gone = tuple(package for package in change.before.set.packages if package.descriptor in old)
        # What is no longer described here was perhaps not there: then it is told again.
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
def _held(host: Host, root: Root, terms: InstallOptions) -> Iterator[None]:
    """Keep everybody else from the root, and `farm gc` from the cache; a dry run only reads."""
    if terms.dry_run:
        yield
        return
    root.check()
    with host.in_use(terms.waiting):
        host.roots.add(root.path)
        with root.locked(waiting=terms.waiting):
            yield


def _asked_as(state: Generation, name: str, root: Root) -> str:
    """Return by which of the words that were asked for a package is meant. Raises `NotAskedForError`."""
    package = state.set.package(name)
    names = {name, *((str(package.name), package.name.short) if package else ())}
    found = next((each for each in state.set.asked if each in names), None)
    if found is not None:
        return found
    asked = ", ".join(state.set.asked) or "nothing"
    if package is None:
        raise NotAskedForError(f"{name} is not installed in {root.path}", remedy=f"Asked for there: {asked}.")
    raise NotAskedForError(
        f"nobody asked for {name} in {root.path}: it is there because others need it",
        remedy=f"Remove those. Asked for there: {asked}.",
    )


def _check_whole(root: Root, record: SetRecord) -> None:
    missing = [package.store for package in record.packages if not root.package(package.store).is_dir()]
    if missing:
        raise RootError(
            f"{root.path} is damaged: {', '.join(missing)} is gone", remedy="Mend it first: `farm upgrade --root`."
        )
