"""Verifying every byte of a root against the signed index: the files of each package, the links, and the record.

A repair unpacks a package again from its verified archive, and makes the links again as a new generation.
"""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import TYPE_CHECKING

from farm.client.findings.verification import LINKS, RECORD, Fault, Verification, no_progress
from farm.client.findings.verification_signed import SignedIndex
from farm.client.repository.download import PARALLEL
from farm.client.root.generations import TOP_LINKS, Root
from farm.client.root.installed_set import InstalledSet
from farm.client.root.tree_check import Deviation, check_tree
from farm.core.fileset.manifest import Directory, Link, Manifest
from farm.core.sets.composition.compose import compose
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from farm.client.findings.verification import ProgressBar
    from farm.client.repository.host import Host
    from farm.client.root.generation import Generation
    from farm.core.fileset.forest import Forest
    from farm.core.sets.members.set_record import PlacedPackage

_TOPS = ("usr", "etc")


def verify_root(host: Host, path: Path, looking: ProgressBar = no_progress) -> Verification:
    """Compare what a root holds now with what is signed. Changes nothing.

    Raises `RootError`, `DownloadError`, `SubscriptionError`, `UntrustedMetadataError`: what cannot be checked is not
    known to be intact.
    """
    root = Root(path)
    state = root.installed()
    described = InstalledSet(host, state.set)
    pairs = {descriptor.digest: (descriptor, manifest) for descriptor, manifest in described.described()}
    signed = SignedIndex(host, state.set)
    recorded = (signed.fault(placed, pairs[placed.descriptor][0]) for placed in state.set.packages)
    faults = [fault for fault in recorded if fault]
    manifests = {placed: pairs[placed.descriptor][1] for placed in state.set.packages}
    size = sum(file.size for manifest in manifests.values() for file in manifest.files())
    with looking(size) as seen, ThreadPoolExecutor(PARALLEL) as pool:
        lock = Lock()

        def counted(read: int) -> None:
            with lock:  # several threads read
                seen(read)

        checks = [
            (placed, pool.submit(check_tree, root.package(placed.store), manifest, counted))
            for placed, manifest in manifests.items()
        ]
        for placed, check in checks:
            faults += [_fault(str(placed.name), f"packages/{placed.store}", deviation) for deviation in check.result()]
    forest = compose(list(pairs.values()), base=None).forest
    faults += _links(root, state, forest)
    words = f"{path}: generation {state.number}, {state.releases or 'local builds'}"
    return Verification(words, len(manifests), size, tuple(faults), signed.unsigned(), state.set.overrides)


def repair_root(host: Host, path: Path, found: Verification) -> tuple[str, ...]:
    """Replace what was found damaged; return a description of each repair.

    The root stays whole at every instant, except for the package that is being replaced. Raises `cannot-mend` before
    anything is changed where something is in no release; and what fetching raises.
    """
    root, repaired = Root(path), list[str]()
    if any(fault.of == RECORD for fault in found.faults):
        raise FarmError(
            f"the record of what is installed in {path} was altered",
            remedy="Go back to another: `farm rollback --root`.",
            code="cannot-mend",
        )
    _straighten(root)
    with host.in_use(), root.locked(make=False):
        state = root.installed()
        signed = SignedIndex(host, state.set)
        damaged = [package for package in state.set.packages if str(package.name) in found.damaged]
        _refuse_unsigned(path, damaged, signed)
        for placed in damaged:
            root.replace_package(placed.store, _unpacked_again(host, placed, signed))
            repaired.append(f"{placed.name.short} {placed.full_version} from its verified archive")
        if any(fault.of == LINKS for fault in found.faults):
            forest = compose(InstalledSet(host, state.set).described(), base=None).forest
            root.install(replace(state, why="verify --fix"), forest, {})
            repaired.append("the links, as a new generation")
    return tuple(repaired)


def _fault(of: str, base: str, deviation: Deviation) -> Fault:
    path = f"{base}/{deviation.path}" if deviation.path else base
    return Fault(of, path, deviation.what, deviation.how)


def _links(root: Root, state: Generation, forest: Forest) -> Iterator[Fault]:
    """Yield what is wrong with the links at the top, and with the links of the state."""
    for name, target in TOP_LINKS:
        link = root.path / name
        if not link.is_symlink():
            yield Fault(LINKS, name, "altered" if link.exists() else "missing", f"it was a link to {target}")
        elif str(link.readlink()) != target:
            yield Fault(LINKS, name, "altered", f"it leads to {str(link.readlink())[:200]!r}, not to {target!r}")
    place = root.links(state)
    base = place.relative_to(root.path)
    depth = len(base.parts)
    for top in _TOPS:
        below = [
            Link(path.removeprefix(f"{top}/"), _relative(path, target, depth))
            for path, target in forest.links
            if path.startswith(f"{top}/")
        ]
        directories = [
            Directory(path.removeprefix(f"{top}/")) for path in forest.directories if path.startswith(f"{top}/")
        ]
        manifest = Manifest.of([*below, *directories], absolute_links=True)
        for deviation in check_tree(place / top, manifest, lambda _size: None):
            yield _fault(LINKS, str(base / top), deviation)
    for path in sorted(place.iterdir()):
        if path.name not in (*_TOPS, "generation.json"):
            yield Fault(LINKS, str(base / path.name), "added", "no package has it")


def _relative(link: str, target: str, up: int) -> str:
    return "../" * (up + len(PurePosixPath(link).parent.parts)) + target.removeprefix("/")


def _refuse_unsigned(path: Path, damaged: Iterable[PlacedPackage], signed: SignedIndex) -> None:
    lost = [
        str(package.name)
        for package in damaged
        if package.is_override or not package.channel or signed.home(package) is None
    ]
    if lost:
        raise FarmError(
            f"{' and '.join(lost)} in {path} cannot be repaired: no signed release has this build",
            remedy="Nothing was changed. Install another with `farm upgrade --root`, or add the override again.",
            code="cannot-mend",
        )


def _unpacked_again(host: Host, placed: PlacedPackage, signed: SignedIndex) -> Path:
    catalogue = signed.home(placed)
    assert catalogue is not None  # noqa: S101  (checked before)
    package, _ = catalogue.checked(str(placed.name))
    # The files of the root are the files of the cache: a write to one is a write to the other.
    if check_tree(host.cache.path(placed.store), package.manifest, lambda _size: None):
        host.cache.remove(placed.store)
    return host.unpack([package], lambda _blob: None)[package.store]


def _straighten(root: Root) -> None:
    """Restore the links at the top: with other targets, `Root` refuses the directory as not farm's."""
    for name, target in TOP_LINKS:
        link = root.path / name
        if link.is_symlink() and str(link.readlink()) != target:
            new = link.with_name(f".{name}.{secrets.token_hex(8)}")
            new.symlink_to(target)
            new.replace(link)
