"""Installing into a root: what was asked for before and what is asked for now, as one new generation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.client.generations import Generation, Root
from farm.client.host import composition_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from farm.client.catalogue import Catalogue, VerifiedPackage
    from farm.client.host import Host
    from farm.plan import BlobRef


def install(
    host: Host,
    catalogue: Catalogue,
    root: Root,
    names: Iterable[str],
    progress: Callable[[BlobRef], None],
    *,
    allow: Callable[[Sequence[VerifiedPackage]], None] = lambda _packages: None,
) -> Generation:
    """Bring packages, and what was asked for before, with all that they need into a root; return its new state.

    Everything is fetched, verified and proven to hold together before the root changes, and that is one rename.
    `progress` is called with each archive that has arrived. `allow` sees all packages before any is fetched, and
    raises for what the subscriber does not want. Raises what verifying and fetching raise, `RootError`.
    """
    with root.locked():
        before = root.current()
        asked = tuple(sorted({*names, *(before.asked if before else ())}))
        packages = catalogue.verified(asked)
        allow(packages)
        composition = composition_of(packages)
        unpacked = host.unpack(packages, progress)
        release = catalogue.release
        wanted = Generation(
            number=0,
            distribution=release.distribution,
            channel=release.channel,
            release=release.number,
            package_set=release.package_set,
            asked=asked,
            packages=tuple(
                sorted(((each.descriptor.digest, each.store) for each in packages), key=lambda each: each[1])
            ),
        )
        return root.install(wanted, composition.forest, unpacked)
