"""The environment variables of builds and tests: the same on every worker, part of what `PROTOCOL` counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.recipe.recipe import SOURCE_DIRECTORY

if TYPE_CHECKING:
    from farm.core.plan.plan import Plan

PREFIX = "/usr"
OUTPUT = "/out"

_EVERYWHERE = {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/usr/sbin", "TZ": "UTC"}
# Plans of protocol 1 do not name the compiler's flags.
_COMPILER_1 = f"-O2 -ffile-prefix-map={SOURCE_DIRECTORY}=. -ffile-prefix-map=/build=."


def build_environment(plan: Plan, *, jobs: int) -> tuple[tuple[str, str], ...]:
    """Return the variables of a build. Those of the plan take precedence."""
    constant = _EVERYWHERE | {
        # autoconf writes the shell that it finds into scripts: this one is on every system.
        "CONFIG_SHELL": "/bin/sh",
        "DESTDIR": OUTPUT,
        "HOME": "/build",
        "JOBS": str(jobs),
        "MAKEFLAGS": f"-j{jobs}",
        "PREFIX": PREFIX,
        "SOURCE_DATE_EPOCH": str(plan.source_epoch),
        "TMPDIR": "/tmp",  # noqa: S108  # inside the container
    }
    if plan.protocol == 1:
        constant |= {"CFLAGS": _COMPILER_1, "CXXFLAGS": _COMPILER_1}
    return tuple(sorted((constant | dict(plan.environment)).items()))


TRIAL_ENVIRONMENT = tuple(sorted((_EVERYWHERE | {"HOME": "/tmp", "TMPDIR": "/tmp"}).items()))  # noqa: S108
"""The variables of a package test."""
