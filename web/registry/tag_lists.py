"""The tags of an image: the releases that hold all its packages."""

from __future__ import annotations

import bisect
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from web.registry.budget import Makings
from web.registry.names import NEWEST, PLAIN, ImageName

if TYPE_CHECKING:
    from farm.core.names.digest import Digest
    from farm.trust.index.release_index import Release
    from web.registry.budget import Bounds
    from web.registry.releases import SignedReleases

_MOST_FOUND = 100_000
"""How many answers to whether a release has a package are cached in memory."""
_MOST_LISTS = 64
"""For how many names the releases are cached, so that a client that pages through a list causes one search."""
_MOST_LISTED = 1000
"""How many releases, the newest, are searched for a list of tags; older ones are available by their numbers."""


class TagLists:
    """The lists of one published repository."""

    def __init__(self, releases: SignedReleases, bounds: Bounds) -> None:
        self._releases = releases
        self._looks: Makings[tuple[int, ...]] = Makings(bounds)
        self._found: dict[tuple[Digest, tuple[str, ...]], bool] = {}
        self._lists: OrderedDict[tuple[Digest, ImageName], tuple[int, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def page(self, name: ImageName, after: str, limit: int, who: str = "") -> tuple[list[str], bool]:
        """Return at most `limit` tags that come after another in the alphabet, and whether there are more.

        `who` is the network that asks. Raises `RegistryError` for a package that no release has.
        """
        newest = self._releases.newest(name.channel)
        numbers = self._numbers(name, newest, who)
        words = [*map(str, numbers), *([NEWEST] if numbers[0] == newest.number else [])]
        tags = sorted(word + kind for word in words for kind in ("", PLAIN))
        begin = bisect.bisect_right(tags, after)
        return tags[begin : begin + limit], begin + limit < len(tags)

    def _numbers(self, name: ImageName, newest: Release, who: str) -> tuple[int, ...]:
        """Return the numbers of the releases that have all packages of a name, the newest first; at least one."""
        key = (newest.digest, name)
        with self._lock:
            if key in self._lists:
                self._lists.move_to_end(key)
                return self._lists[key]
        numbers = self._looks.once(key, lambda: self._look(name, newest), who)
        with self._lock:
            self._lists[key] = numbers
            if len(self._lists) > _MOST_LISTS:
                self._lists.popitem(last=False)
        return numbers

    def _look(self, name: ImageName, newest: Release) -> tuple[int, ...]:
        chain = sorted(self._releases.chain(name.channel).items(), reverse=True)[:_MOST_LISTED]
        numbers = tuple(number for number, digest in chain if self._holds(name, digest))
        if not numbers:
            self._releases.check_known(newest, name.packages)
        return numbers

    def _holds(self, name: ImageName, release: Digest) -> bool:
        """Return whether a release has all packages of a name; looked up once."""
        key = (release, name.packages)
        if key not in self._found:
            if len(self._found) >= _MOST_FOUND:
                self._found.clear()
            self._found[key] = not self._releases.lacking(self._releases.at(release), name.packages)
        return self._found[key]
