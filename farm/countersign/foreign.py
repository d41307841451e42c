"""Whether what is taken of other distributions comes from where targets have signed, and is what these have signed.

What a release takes anew is shown by the other distribution's metadata, from the signed fingerprint of its root on.
What the release of before has taken already was shown then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.countersign.refusal import Faults, RefusedReleaseError
from farm.recipe.distributions import DISTRIBUTIONS
from farm.trust.index_tree import IndexTree
from farm.trust.shown_release import verify_shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farm.countersign.described import Described
    from farm.names import Digest
    from farm.recipe.distributions import ForeignDistribution
    from farm.trust.imports import Import, ImportedPackage
    from farm.trust.release_index import Release
    from farm.trust.shown_release import ShownRelease


class UnknownOriginError(RefusedReleaseError):
    """A release takes packages of a distribution, or of a channel or under a root of it, that nobody has signed."""

    code = "unknown-origin"

    def __init__(self, taken: Import) -> None:
        super().__init__(
            f"{taken} under the root {taken.root} is none that packages may be taken of",
            remedy=f"Name it in {DISTRIBUTIONS}, and have that signed: `farm keys draft targets --policy RECIPES`.",
        )


class UnshownImportError(RefusedReleaseError):
    """Nothing shows that another distribution has released what a release takes of it."""

    code = "unshown-import"


def check_foreign(
    release: Release,
    previous: Release | None,
    signed: Mapping[str, ForeignDistribution],
    shown: Sequence[ShownRelease],
    described: Described,
) -> None:
    """See that what is taken of others anew comes from channels and roots that are `signed`, and that it is theirs.

    `shown` is what was brought to show it. Raises `UnknownOriginError`, `UnshownImportError`, `UnsignedAbroadError`,
    and what reading a blob raises; it says of all packages what is wrong with them.
    """
    by_release = {each.release: each for each in shown}
    before = {each.distribution: each for each in previous.imports} if previous else {}
    faults = Faults()
    for taken in release.imports:
        earlier = before.get(taken.distribution)
        if taken == earlier:
            continue
        with faults.of_all(taken.names):
            known = signed.get(taken.distribution)
            if known is None or (known.channel, known.root) != (taken.channel, taken.root):
                raise UnknownOriginError(taken)
            if earlier is None or not _was_shown(taken, earlier):
                _check_shown(taken, by_release.get(taken.release), described, faults)
    faults.check()


def _was_shown(taken: Import, earlier: Import) -> bool:
    """Say whether the same release is taken as before, and no package of it that was not."""
    had = {(each.name, each.descriptor) for each in earlier.packages}
    return _pin(taken) == _pin(earlier) and all((each.name, each.descriptor) in had for each in taken.packages)


def _pin(taken: Import) -> tuple[str, int, Digest, Digest]:
    return taken.channel, taken.number, taken.release, taken.root


def _check_shown(taken: Import, shown: ShownRelease | None, described: Described, faults: Faults) -> None:
    if shown is None:
        raise UnshownImportError(
            f"nothing shows that {taken.distribution} has signed {taken}, {taken.release}",
            remedy="Let control see that release, or a later one: what it follows it brings along, when it is of this "
            "version.",
        )
    theirs = verify_shown(shown, taken, described.within)
    tree = IndexTree(described.blob, theirs.index)
    for package in taken.packages:
        with faults.of(f"{taken.distribution}/{package.name}"):
            _check_package(taken, package, tree, described)


def _check_package(taken: Import, package: ImportedPackage, tree: IndexTree, described: Described) -> None:
    """See that a package is the one which their index names, and is what its entry there says."""
    name = f"{taken.distribution}/{package.name}"
    entry = tree.entry(package.name)
    if entry is None or entry.descriptor.digest != package.descriptor:
        there = f"as {entry.descriptor.digest}" if entry else "not at all"
        raise UnshownImportError(
            f"{name} is taken as {package.descriptor}, and {taken} has it {there}",
            remedy="Do not trust who brought it. Let control collect the release anew.",
        )
    descriptor = described.descriptor(package.descriptor)
    said = (str(descriptor.name), str(descriptor.version), descriptor.revision, descriptor.tree, descriptor.facts)
    if said != (name, entry.version, entry.revision, entry.manifest.digest, entry.facts.digest):
        raise UnshownImportError(
            f"{name} is described otherwise than {taken} lists it", remedy=f"Tell the owner of {taken.distribution}."
        )
