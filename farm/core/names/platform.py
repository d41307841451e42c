"""The platform that a package runs on, as OCI names it."""

from __future__ import annotations

from dataclasses import dataclass

from farm.errors import FarmError

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64", "riscv64": "riscv64"}

ARCHITECTURES = tuple(_MACHINES)


@dataclass(frozen=True, slots=True, order=True)
class Platform:
    """Operating system and architecture (Go's names, as in the OCI image specification): `linux/amd64`."""

    os: str
    architecture: str

    def __post_init__(self) -> None:
        if self.os != "linux" or self.architecture not in _MACHINES:
            raise _unknown(str(self))

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Read `os/architecture`; raises the error `invalid-platform`."""
        system, slash, architecture = text.partition("/")
        if not slash:
            raise _unknown(text)
        return cls(system, architecture)

    @property
    def machine(self) -> str:
        """The kernel's name for the architecture (`uname -m`): `x86_64`."""
        return _MACHINES[self.architecture]

    def __str__(self) -> str:
        return f"{self.os}/{self.architecture}"


def _unknown(text: str) -> FarmError:
    known = ", ".join(f"linux/{architecture}" for architecture in _MACHINES)
    return FarmError(f"{text[:100]!r} is not a known platform", remedy=f"Use one of: {known}.", code="invalid-platform")
