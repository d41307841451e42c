"""The builds in the newest release of one channel, for local builds of the recipes that it is made from.

Every package is verified as for an installation: the release by TUF, its descriptor, manifest and facts by their
digests, its build by the builders that the distribution allows. Archives are fetched only on request.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

from farm.client.repository.download import PARALLEL, DownloadError
from farm.client.repository.sources import declared_toolchain
from farm.core.buildlog.providers import likely_packages, paths_of, words_of
from farm.core.files.problems import RecipeError
from farm.core.plan.job import BuildOutcome, BuiltPackage
from farm.core.plan.published_build import PublishedBuild
from farm.core.recipe.contents import InvalidContentsError
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from farm.client.repository.catalogue import Catalogue, VerifiedPackage
    from farm.client.repository.host import Host
    from farm.client.repository.progress import Progress
    from farm.client.repository.subscriptions import Subscription
    from farm.core.buildlog.error_kind import ErrorKind
    from farm.core.plan.job import DependencyArchive
    from farm.core.plan.plan import Plan

HINT = "hint"
"""The name of the thread that looks for one."""
_PATIENCE = 5.0
"""Seconds to wait for it."""
_MOST_BY_SUMMARY = 16
"""How many packages are looked at because of their summaries."""
_SMALL = 300
"""Packages of a release that has so few that all are looked at, in the end."""
_UNASKED = ("-debug", "-doc", "-tests")
"""The ends of names of packages that have nothing that a build misses."""


class ChannelBuilds:
    """The builds of a subscription's newest release, which is opened when it is first needed.

    All methods raise what opening a release and fetching from it raise.
    """

    def __init__(self, host: Host, subscription: Subscription, progress: Progress) -> None:
        self._host = host
        self._subscription = subscription
        self._progress = progress
        self._known: dict[str, tuple[VerifiedPackage, Plan] | FarmError | OSError | None] = {}

    @property
    def channel(self) -> str:
        """The channel as subscriptions name it."""
        return str(self._subscription)

    @cached_property
    def release(self) -> str:
        """The release, as a record names it: `dist.example.org/edge release 12`."""
        return f"{self.channel} release {self._catalogue.release.number}"

    def prepare(self, names: Iterable[str]) -> None:
        """Fetch and verify the metadata of packages, four at a time; names that the release lacks are fine.

        What is wrong with one of them is raised by what asks for that one.
        """
        new = [name for name in dict.fromkeys(names) if name not in self._known]
        catalogue = self._catalogue
        with ThreadPoolExecutor(PARALLEL) as pool:
            self._known.update(zip(new, pool.map(lambda name: _checked(catalogue, name), new), strict=True))

    def find(self, names: Sequence[str]) -> PublishedBuild | None:
        """Return the build of the packages that a recipe can make, the main one first; None where that is missing."""
        from farm.trust.attestation.provenance import outputs_by_plan, read_build  # noqa: PLC0415  (loads all key types)

        self.prepare(names)
        known = [self._of(name) for name in names]
        if known[0] is None:
            return None
        package, plan = known[0]
        provenance = package.downloads.read(package.entry.provenance, f"provenance of {package.name}")
        _, outputs = outputs_by_plan(provenance, plan.digest)
        log = read_build(provenance, self._catalogue.builders).run.log
        there = [found[0] for found in known if found and found[0].descriptor.digest in outputs]
        outcome = BuildOutcome(tuple(map(_built, there)), package.entry.provenance.digest, log)
        return PublishedBuild(self.release, plan, outcome, len(set(outputs)) - len(there))

    def toolchain_of(self, name: str) -> str:
        """Return the name of the toolchain in the published recipe of a package; empty if that cannot be had or read.

        The package was found before. A plan has the toolchain's digest only.
        """
        known = self._of(name)
        with suppress(DownloadError, InvalidContentsError, RecipeError):
            return declared_toolchain(known[0]) if known else ""
        return ""

    def has(self, name: str) -> bool:
        """Return whether the release has a package of this short name."""
        return self._catalogue.holds(name)

    def newest(self, names: Iterable[str]) -> tuple[BuiltPackage, ...]:
        """Return those of these packages that the release has, with all that they need at run time."""
        there = [name for name in names if self.has(name)]
        return tuple(_built(package) for package in self._catalogue.verified(there)) if there else ()

    def fetch(self, packages: Sequence[DependencyArchive]) -> None:
        """Fetch the archives of packages that the release has, or had, with progress."""
        with self._progress.fetch(sum(package.archive.size for package in packages)) as arrived:
            blobs = [(package.archive, f"archive of {package.store}") for package in packages]
            self._host.downloads(self._subscription).ensure_all(blobs, arrived)

    def provider_of(self, kind: ErrorKind, subject: str) -> str:
        """Return the package of the release that provides what a build has missed; empty if it is not found.

        Those are looked at that are known already, those whose names or summaries suggest it, and then all others of
        a small release: no index of the release says which files its packages have. It is a hint, so that it is not
        waited for longer than some seconds.
        """
        paths = set(paths_of(kind, subject))
        found: list[str] = []
        search = threading.Thread(
            target=lambda: found.extend(self._having(paths, self._candidates(subject) if paths else ())),
            name=HINT,
            daemon=True,
        )
        search.start()
        search.join(_PATIENCE)
        return found[0] if found else ""

    def _candidates(self, subject: str) -> Iterator[str]:
        """Yield names of packages that may provide a missing thing, the likeliest first."""
        yield from sorted(self._known)
        yield from likely_packages(subject)
        words = set(words_of(subject))
        with suppress(FarmError, OSError):
            listings = sorted(self._catalogue.listings(), key=lambda listing: (len(listing.name), listing.name))
            named = (one.name for one in listings if words.intersection(words_of(f"{one.name} {one.summary}")))
            yield from islice(named, _MOST_BY_SUMMARY)
            if len(listings) <= _SMALL:
                rest = [one.name for one in listings if not one.name.endswith(_UNASKED)]
                for start in range(0, len(rest), 4 * PARALLEL):
                    self.prepare(rest[start : start + 4 * PARALLEL])
                    yield from rest[start : start + 4 * PARALLEL]

    def _having(self, paths: set[str], names: Iterable[str]) -> Iterator[str]:
        """Yield the first package that has one of the paths, if any has."""
        for name in names:
            with suppress(FarmError, OSError):
                if name not in self._known:
                    self._known[name] = _checked(self._catalogue, name)
                found = self._of(name)
                if found and any(entry.path in paths for entry in found[0].manifest.entries):
                    yield name
                    return

    def _of(self, name: str) -> tuple[VerifiedPackage, Plan] | None:
        """Return what is known of a package, or raise what is wrong with it."""
        known = self._known[name]
        if isinstance(known, FarmError | OSError):
            raise known
        return known

    @cached_property
    def _catalogue(self) -> Catalogue:
        return self._host.catalogue(self.channel)


def _checked(catalogue: Catalogue, name: str) -> tuple[VerifiedPackage, Plan] | FarmError | OSError | None:
    try:
        return catalogue.checked(name) if catalogue.holds(name) else None
    except (FarmError, OSError) as error:
        return error


def _built(package: VerifiedPackage) -> BuiltPackage:
    entry = package.entry
    return BuiltPackage(package.descriptor, entry.archive, entry.manifest, entry.facts)
