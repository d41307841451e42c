"""Lock files: a set of packages recorded with the releases that it comes from, to be installed again on any host.

A lock file is the record of a set, in JSON. A host that installs it must follow the channels that it names: the release
is searched from the newest verified one backwards, and each package is verified as usual.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from farm.client.repository.catalogue import prove_together
from farm.client.repository.placed_packages import placed_packages, release_ref
from farm.core.sets.members.set_record import InvalidSetRecordError, SetRecord
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from farm.client.repository.catalogue import Catalogue, VerifiedPackage
    from farm.client.repository.host import Host
    from farm.client.root.generation import Generation
    from farm.core.sets.members.set_record import PlacedPackage, ReleaseRef

_EDITED = "Nothing was changed. The lock file was edited, or is of another repository: write it again with `farm lock`."


class LockError(FarmError):
    """A set cannot be locked, or a lock file cannot be followed."""

    code = "lock"


def lock_packages(catalogue: Catalogue, names: Iterable[str]) -> SetRecord:
    """Return the set of these packages, with everything that they need, in a release. Raises what verifying raises."""
    asked = tuple(catalogue.known_as(name) for name in names)
    return SetRecord(asked, placed_packages(catalogue, catalogue.verified(asked)), (release_ref(catalogue.release),))


def lock_generation(state: Generation) -> SetRecord:
    """Return the set of an installed state. Raises `LockError` where other hosts could not install the same."""
    if not state.made:
        raise LockError(
            f"generation {state.number} was made by an older farm, which did not record its release",
            remedy="Bring it to the newest release first: `farm upgrade --root`.",
        )
    if state.set.overrides:
        names = ", ".join(str(override.name) for override in state.set.overrides)
        raise LockError(
            f"{names} is an override, of this host alone", remedy="Remove the override, or publish it in a channel."
        )
    return state.set


def write_lock(record: SetRecord) -> str:
    """Return the text of a lock file, readable by people and suitable for diffs."""
    return json.dumps(json.loads(record.to_json()), indent=1) + "\n"


def read_lock(path: Path) -> SetRecord:
    """Read a lock file. Raises `LockError`."""
    try:
        return SetRecord.from_json(path.read_bytes())
    except FileNotFoundError as error:
        raise LockError(f"{path} is not there", remedy="Write it with `farm lock`.") from error
    except InvalidSetRecordError as error:
        remedy = error.remedy or "Write one with `farm lock --root DIR > FILE` or `farm lock PACKAGE… > FILE`."
        raise LockError(f"{path} is not a lock file: {error.message}", remedy=remedy) from error


def locked_packages(host: Host, record: SetRecord) -> tuple[VerifiedPackage, ...]:
    """Return exactly the packages that a lock file names, each verified, and prove the set.

    The record then matches the releases. Raises `LockError` where it does not, and what `Host.pinned` and verifying
    raise.
    """
    catalogues = {release.subscription: host.pinned(release) for release in record.releases}
    for ref in record.releases:
        _check_same(str(ref), ref, release_ref(catalogues[ref.subscription].release))
    found = []
    for placed in record.packages:
        catalogue = catalogues.get(placed.channel)
        if catalogue is None:
            raise LockError(
                f"the lock file takes {placed.name} from {placed.channel or 'no channel'}, but names no release of it",
                remedy="Write it again with `farm lock`.",
            )
        package, _ = catalogue.checked(str(placed.name))
        if package.descriptor.digest != placed.descriptor:
            raise LockError(
                f"release {catalogue.release.number} of {placed.channel} holds another build of {placed.name} than the "
                f"lock file: {package.descriptor.digest}, not {placed.descriptor}",
                remedy=_EDITED,
            )
        (true,) = placed_packages(catalogue, [package])
        _check_same(str(placed.name), placed, true)
        found.append(package)
    known = {name for package in record.packages for name in (str(package.name), package.name.short)}
    if others := [name for name in record.asked if name not in known]:
        raise LockError(f"the lock file requests {', '.join(others)}, but does not contain it", remedy=_EDITED)
    prove_together(found, "the lock file")
    return tuple(found)


def _check_same(what: str, said: ReleaseRef | PlacedPackage, true: ReleaseRef | PlacedPackage) -> None:
    locked, signed = said.to_dict(), true.to_dict()
    others = [key for key in sorted({*locked, *signed}) if locked.get(key) != signed.get(key)]
    if others:
        how = "; ".join(f"{key} {locked.get(key)!s:.100}, and {signed.get(key)} is signed" for key in others)
        raise LockError(f"the lock file says of {what}: {how}", remedy=_EDITED)
