"""Sets of packages that exist only in memory, for code that only reads facts: the same on every run and machine.

One package in eight is a library. All need others, eight by the median, and bind 20 to 2,000 versioned symbols to the
libraries among them, as functions; each library exports at least that many, and some variables. Names come from one
pool, as the symbols of real libraries are far fewer than their users' imports.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.names.digest import Digest
from farm.core.names.package_name import PackageName
from farm.core.names.platform import Platform
from farm.core.names.version import Version
from farm.core.package.descriptor import Descriptor
from farm.core.package.elf.facts import FUNCTION, OBJECT, ElfFacts, ExportGroup, ImportGroup, VersionNeed
from farm.core.package.facts import ElfFile, PackageFacts
from farm.core.sets.members.member import Member

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FEWEST_SYMBOLS, MOST_SYMBOLS = 20, 2_000
_SYMBOLS = tuple(f"function_of_some_name_{number:04}" for number in range(MOST_SYMBOLS))
_FUNCTIONS_A_VARIABLE = 20
_VARIABLES = tuple(f"variable_of_some_name_{number:04}" for number in range(MOST_SYMBOLS // _FUNCTIONS_A_VARIABLE))
_LIBRARY_EVERY = 8
_MEDIAN_NEEDS = 8
_NOTHING = Digest.of(b"")


@dataclass(frozen=True, slots=True)
class SyntheticPackage:
    """The content of a package: the libraries that it needs with the number of symbols of each, and its exports."""

    number: int
    needs: tuple[tuple[int, int], ...]
    exports: int

    @property
    def name(self) -> str:
        """The short name."""
        return f"{'library' if self.exports else 'program'}{self.number:06}"

    def member(self, revision: int = 1) -> Member:
        """Return the package as a member for a proof."""
        soname = f"lib{self.number:06}.so.1"
        facts = ElfFacts(
            soname=soname if self.exports else "",
            needed=tuple(_soname(need) for need, _ in self.needs),
            exported=tuple(self._exported()) if self.exports else (),
            imported=tuple(
                ImportGroup(_soname(need), _version(need), weak=False, names=_SYMBOLS[:count], symbol_class=FUNCTION)
                for need, count in self.needs
            ),
            version_definitions=(_version(self.number),) if self.exports else (),
            version_needs=tuple(VersionNeed(_soname(need), _version(need)) for need, _ in self.needs),
        )
        path = f"lib/{soname}" if self.exports else f"bin/{self.name}"
        descriptor = Descriptor(
            name=PackageName("bench.example.org", self.name),
            version=Version("1.0"),
            revision=revision,
            platform=Platform("linux", "amd64"),
            tree=_NOTHING,
            diff_id=_NOTHING,
            facts=_NOTHING,
            plan=_NOTHING,
            license="MIT",
            requires=tuple(f"soname:{_soname(need)}" for need, _ in self.needs),
            provides=(f"soname:{soname}",) if self.exports else (f"command:{self.name}",),
        )
        return Member(descriptor, PackageFacts(elf=(ElfFile(path, facts),)), links=(f"usr/{path}",))

    def _exported(self) -> Iterator[ExportGroup]:
        """Yield the exported functions, and a variable for every twenty."""
        yield ExportGroup(_version(self.number), _SYMBOLS[: self.exports], FUNCTION)
        variables = _VARIABLES[: self.exports // _FUNCTIONS_A_VARIABLE]
        yield ExportGroup(_version(self.number), variables, OBJECT, sizes=(8,) * len(variables))


def synthetic_packages(count: int) -> list[SyntheticPackage]:
    """Return `count` packages; their needs are among them, and have lower numbers."""
    numbers = random.Random(6)  # noqa: S311  # the same on every run
    exports: dict[int, int] = {}
    libraries: list[int] = []
    packages = []
    for number in range(count):
        wanted = min(len(exports), round(numbers.lognormvariate(math.log(_MEDIAN_NEEDS), 0.6)))
        imported = _symbols(numbers)
        needs = sorted(_some(numbers, libraries, wanted))
        per_need = max(1, imported // max(1, len(needs)))
        if number % _LIBRARY_EVERY == 0:
            exports[number] = _symbols(numbers)
            libraries.append(number)
        packages.append(
            SyntheticPackage(
                number, tuple((need, min(per_need, exports[need])) for need in needs), exports.get(number, 0)
            )
        )
    return packages


def debian_archive(packages: Sequence[SyntheticPackage]) -> str:
    """Return the same set as Debian's `Packages`, without symbols, which that format does not have."""
    names = {package.number: package.name for package in packages}
    return "\n".join(
        f"Package: {package.name}\nVersion: 1.0-1\nArchitecture: amd64\n"
        + (f"Depends: {', '.join(names[need] for need, _ in package.needs)}\n" if package.needs else "")
        for package in packages
    )


def _some(numbers: random.Random, libraries: list[int], count: int) -> set[int]:
    """Choose this many libraries, the old ones far more often: everything needs the first."""
    chosen: set[int] = set()
    while len(chosen) < count:
        chosen.add(libraries[int(len(libraries) * numbers.random() ** 3)])
    return chosen


def _symbols(numbers: random.Random) -> int:
    """Draw a number of symbols, as likely from 20 to 200 as from 200 to 2,000."""
    return round(math.exp(numbers.uniform(math.log(FEWEST_SYMBOLS), math.log(MOST_SYMBOLS))))


def _soname(number: int) -> str:
    return f"lib{number:06}.so.1"


def _version(number: int) -> str:
    return f"LIB{number:06}_1.0"
