"""What can be wrong with a set of packages, as values; each says in one sentence which package, file and symbol.

Packages are told by their labels, `jq 1.7.1-1`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar

from farm.core.package.package_capability import exact_package

_KINDS = {"command": "the command ", "package": "the package ", "interpreter": "", "soname": "", "pkgconfig": ""}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a proof found. `code` is its kind, `labels` the packages that have a part in it."""

    code: ClassVar[str] = "finding"
    _PACKAGES: ClassVar[tuple[str, ...]] = ("package",)

    @property
    def message(self) -> str:
        """One sentence for people, without its full stop."""
        raise NotImplementedError

    @property
    def labels(self) -> tuple[str, ...]:
        """The packages that have a part in it (the fields `_PACKAGES`), the one that is worse off first."""
        return tuple(dict.fromkeys(filter(None, (getattr(self, field) for field in self._PACKAGES))))

    @property
    def packages(self) -> tuple[str, ...]:
        """Their short names: what a candidate is split by."""
        return tuple(label.partition(" ")[0] for label in self.labels)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values, with its code, message and packages."""
        own = {field.name.replace("_", "-"): getattr(self, field.name) for field in fields(self)}
        return {"code": self.code, "message": self.message, "packages": list(self.packages), "details": own}


@dataclass(frozen=True, slots=True)
class Problem(Finding):
    """One reason why a set is no release."""

    code: ClassVar[str] = "problem"


@dataclass(frozen=True, slots=True)
class UnmetRequirement(Problem):
    """A capability that a package requires is provided by none. `file` is who asks for it, where that is known."""

    code: ClassVar[str] = "unmet-requirement"
    package: str
    requirement: str
    file: str = ""
    nearest: str = ""

    @property
    def message(self) -> str:  # noqa: D102
        if self.file and self.requirement.endswith("\r"):
            return self._carriage_return("env")
        who = f"{self.package}: {self.file}" if self.file else self.package
        return f"{who} requires {spelt(self.requirement)}, which no package of the set provides{self.nearest}"

    def _carriage_return(self, who_looks: str) -> str:
        """Say of a script with the line ends of another system why what runs it is not found."""
        name = self.requirement.partition(":")[2]
        return (
            f"{self.package}: the first line of {self.file} ends with a carriage return, so that {who_looks} looks for "
            f"{name!r}: end its lines with a line feed alone"
        )


@dataclass(frozen=True, slots=True)
class MissingInterpreter(UnmetRequirement):
    """The program that runs a script or loads an executable is in no package of the set."""

    code: ClassVar[str] = "missing-interpreter"

    @property
    def message(self) -> str:  # noqa: D102
        if self.requirement.endswith("\r"):
            return self._carriage_return("the kernel")
        path = self.requirement.partition(":")[2]
        if not path.startswith("/"):
            return (
                f"{self.package}: {self.file} is run by {path}, which is looked for from wherever one stands: "
                "name it by its absolute path"
            )
        who = f"{self.package}: {self.file}" if self.file else self.package
        return f"{who} is run by {spelt(self.requirement)}, which no package of the set provides{self.nearest}"


@dataclass(frozen=True, slots=True)
class MissingSoname(UnmetRequirement):
    """A library that a file needs is in no package of the set."""

    code: ClassVar[str] = "missing-soname"

    @property
    def message(self) -> str:  # noqa: D102
        return (
            f"{self.package}: {self.file} needs {spelt(self.requirement)}, "
            f"which no package of the set provides{self.nearest}"
        )


@dataclass(frozen=True, slots=True)
class NoLibrary(UnmetRequirement):
    """What the loader takes for a needed library is none: `found` of `keeper` is a program, a text or a directory."""

    code: ClassVar[str] = "no-library"
    _PACKAGES: ClassVar[tuple[str, ...]] = ("package", "keeper")
    found: str = ""
    keeper: str = ""
    program: bool = False

    @property
    def message(self) -> str:  # noqa: D102
        what = "a program" if self.program else "no library"
        return (
            f"{self.package}: {self.file} needs {spelt(self.requirement)}, and finds {self.found} of {self.keeper}, "
            f"which is {what}"
        )


@dataclass(frozen=True, slots=True)
class AmbiguousProvider(Problem):
    """A required capability is provided by several packages, none of which replaces the others."""

    code: ClassVar[str] = "ambiguous-provider"
    package: str
    requirement: str
    providers: tuple[str, ...]

    @property
    def message(self) -> str:  # noqa: D102
        both = "both" if len(self.providers) == 2 else "all"
        return f"{self.package} requires {spelt(self.requirement)}, which {listed(self.providers)} {both} provide"

    @property
    def labels(self) -> tuple[str, ...]:  # noqa: D102
        return (self.package, *self.providers)


@dataclass(frozen=True, slots=True)
class PathConflict(Problem):
    """Packages claim the same paths of the root. `parties` is one package where it contradicts itself."""

    code: ClassVar[str] = "path-conflict"
    parties: tuple[str, ...]
    paths: tuple[str, ...]

    @property
    def message(self) -> str:  # noqa: D102
        more = len(self.paths) - 1
        rest = f" and {more:,} other path{'s' if more > 1 else ''}" if more else ""
        if len(self.parties) == 1:
            return f"{self.parties[0]} claims /{self.paths[0]}{rest} in two ways"
        both = "both" if len(self.parties) == 2 else "all"
        return f"{listed(self.parties)} {both} claim /{self.paths[0]}{rest}"

    @property
    def labels(self) -> tuple[str, ...]:  # noqa: D102
        return self.parties


@dataclass(frozen=True, slots=True)
class DanglingLinks(Problem):
    """Links of a package lead to nothing; `links` are pairs of path and target."""

    code: ClassVar[str] = "dangling-link"
    package: str
    links: tuple[tuple[str, str], ...]

    @property
    def message(self) -> str:  # noqa: D102
        path, target = self.links[0]
        more = len(self.links) - 1
        others = f", and {more:,} more of its links likewise" if more else ""
        return f"{self.package}: the link {path} leads to {target}, which is not there{others}"


@dataclass(frozen=True, slots=True)
class MissingModule(Problem):
    """A pkg-config module requires another that is in no package of the set."""

    code: ClassVar[str] = "missing-module"
    package: str
    module: str
    required: str

    @property
    def message(self) -> str:  # noqa: D102
        return (
            f"{self.package}: the pkg-config module {self.module} requires {self.required}, "
            "which no package of the set provides"
        )


@dataclass(frozen=True, slots=True)
class OtherModuleVersion(Problem):
    """A pkg-config module requires another in versions of which the one of the set is none."""

    code: ClassVar[str] = "other-module-version"
    _PACKAGES: ClassVar[tuple[str, ...]] = ("package", "provider")
    package: str
    module: str
    required: str
    provider: str
    has: str

    @property
    def message(self) -> str:  # noqa: D102
        return (
            f"{self.package}: the pkg-config module {self.module} requires {self.required}, "
            f"and that of {self.provider} has version {self.has}"
        )


@dataclass(frozen=True, slots=True)
class MissingLinkerLibrary(Problem):
    """A pkg-config module names a library that a linker would not find."""

    code: ClassVar[str] = "missing-linker-library"
    package: str
    module: str
    library: str

    @property
    def message(self) -> str:  # noqa: D102
        plain = f"lib{self.library}.so or lib{self.library}.a"
        wanted = self.library.removeprefix(":") if self.library.startswith(":") else plain
        return (
            f"{self.package}: the pkg-config module {self.module} links with -l{self.library}, "
            f"and no package of the set has {wanted} where it looks"
        )


@dataclass(frozen=True, slots=True)
class MissingDistribution(Problem):
    """A Python distribution requires another that is not there for its Python, or in another version (`has`)."""

    code: ClassVar[str] = "missing-distribution"
    package: str
    distribution: str
    required: str
    has: str = ""

    @property
    def message(self) -> str:  # noqa: D102
        which = f"and the set has {self.has}" if self.has else "which no package of the set has for its Python"
        return f"{self.package}: the Python distribution {self.distribution} requires {self.required}, {which}"


@dataclass(frozen=True, slots=True)
class OtherPython(Problem):
    """Modules are for another Python than the one that would load them, of the package `python` where it is known."""

    code: ClassVar[str] = "other-python"
    _PACKAGES: ClassVar[tuple[str, ...]] = ("package", "python")
    package: str
    file: str
    why: str
    version: str
    python: str = ""

    @property
    def message(self) -> str:  # noqa: D102
        where = f"the set has {self.python}" if self.python else f"it lies where Python {self.version} looks"
        return f"{self.package}: {self.file}: {self.why}, and {where}"


def spelt(capability: str) -> str:
    """Return a capability in words: `the command jq`, `libz.so.1`, `exactly jq 1.7.1-1`."""
    if exact := exact_package(capability):
        package, version = exact
        return f"exactly {package} {version}{'' if '-' in version else ' (any revision)'}"
    kind, colon, name = capability.partition(":")
    return f"{_KINDS[kind]}{name}" if colon and kind in _KINDS else capability


def listed(names: tuple[str, ...] | list[str]) -> str:
    """Join names as a sentence does, the first three of many."""
    if len(names) > 4:
        return f"{', '.join(names[:3])} and {len(names) - 3} others"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
