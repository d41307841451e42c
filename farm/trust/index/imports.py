"""The imports of a release: one release of each other distribution, pinned by digest, and packages of it.

The owner of a release is responsible for the imported packages that it was tested with, and for what meets their needs
here. Their own distribution has signed them: a client verifies that against its root. Pure values.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from farm.core.names.digest import Digest
from farm.core.names.form import Form, InvalidRecordError, Minimum
from farm.core.names.package_name import InvalidPackageNameError, PackageName
from farm.trust.enrolment_record import checked_address

if TYPE_CHECKING:
    from collections.abc import Iterable

_CHANNEL = re.compile(r"[a-z](?:-?[a-z0-9])*")


@dataclass(frozen=True, slots=True)
class ImportedPackage(Form, record="imported package"):
    """A package of another distribution. `name` is its short name there, `descriptor` identifies its build.

    `needs` are the packages of this release that meet its requirements: own ones by short, imported ones by full name.
    """

    name: str
    descriptor: Digest
    needs: tuple[str, ...] = ()

    def check(self) -> None:
        """Refuse needs in another order. Raises `InvalidRecordError`."""
        if list(self.needs) != sorted(set(self.needs)):
            raise InvalidRecordError("imported package", "needs", "is not sorted, or names one twice")


@dataclass(frozen=True, slots=True, kw_only=True)
class Import(Form, record="import"):
    """One release of another distribution. `release` is its digest, `root` the fingerprint of its root metadata.

    `address` is where its repository was when it was pinned (http or https): it need not be trusted.
    """

    distribution: str
    channel: str
    number: Annotated[int, Minimum(1)]
    release: Digest
    root: Digest
    address: str
    packages: tuple[ImportedPackage, ...]

    def __str__(self) -> str:
        return f"release {self.number} of {self.distribution}/{self.channel}"

    @property
    def names(self) -> tuple[str, ...]:
        """The full names of the packages."""
        return tuple(f"{self.distribution}/{package.name}" for package in self.packages)

    def check(self) -> None:
        """Refuse unusable names and addresses, and packages in another order. Raises `InvalidRecordError`."""
        names = [package.name for package in self.packages]
        try:
            for name in names:
                PackageName(self.distribution, name)
            checked_address(self.address)
        except InvalidPackageNameError as error:
            raise InvalidRecordError("import", "packages", f"names what is not a package: {error.message}") from error
        except ValueError as error:
            raise InvalidRecordError("import", "address", f"cannot be used: {error}") from error
        if not names or names != sorted(set(names)):
            raise InvalidRecordError("import", "packages", "is empty, is not sorted by name, or names one twice")
        if not _CHANNEL.fullmatch(self.channel):
            raise InvalidRecordError("import", "channel", f"holds {self.channel!r:.70}, which is not a channel's name")


def check_imports(imports: tuple[Import, ...], distribution: str) -> None:
    """Refuse imports of one release that contradict each other, or are from its own distribution.

    Raises `InvalidRecordError`.
    """
    owners = [pin.distribution for pin in imports]
    if owners != sorted(set(owners)):
        raise InvalidRecordError("release", "imports", "is not sorted by distribution, or names one twice")
    if distribution in owners:
        raise InvalidRecordError("release", "imports", f"names {distribution}, whose release this is")


def imported_packages(imports: tuple[Import, ...]) -> dict[str, tuple[Import, ImportedPackage]]:
    """Return all imported packages by full name, each with its import."""
    return {f"{pin.distribution}/{package.name}": (pin, package) for pin in imports for package in pin.packages}


def imported_descriptors(imports: Iterable[Import]) -> dict[str, Digest]:
    """Return the descriptor of each imported package, by full name."""
    return {name: package.descriptor for name, (_, package) in imported_packages(tuple(imports)).items()}
