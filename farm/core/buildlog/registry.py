"""The registry of the families of errors, in the order in which they are asked: the first that knows a line counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.buildlog.families.autoconf import Autoconf
from farm.core.buildlog.families.cmake import CMake
from farm.core.buildlog.families.compilers import Compilers
from farm.core.buildlog.families.failed_tests import FailedTests
from farm.core.buildlog.families.files import Files
from farm.core.buildlog.families.hints import Hints
from farm.core.buildlog.families.limits import Limits
from farm.core.buildlog.families.linkers import Linkers
from farm.core.buildlog.families.makes import Makes
from farm.core.buildlog.families.meson import Meson
from farm.core.buildlog.families.missing import Missing
from farm.core.buildlog.families.networks import Networks
from farm.core.buildlog.families.python import Python

if TYPE_CHECKING:
    from collections.abc import Callable

    from farm.core.buildlog.candidate import Family

FAMILIES: tuple[Callable[[], Family], ...] = (
    CMake,
    Autoconf,
    Python,
    Meson,
    Networks,
    Limits,
    Makes,
    Missing,
    Linkers,
    Files,
    Compilers,
    FailedTests,
    Hints,
)
