"""The kinds of errors that the log of a build can have."""

from __future__ import annotations

from enum import StrEnum


class ErrorKind(StrEnum):
    """What went wrong. The kinds `MISSING_…` have a subject: what is missing."""

    COMPILER = "compiler"
    LINKER = "linker"
    MISSING_HEADER = "missing-header"
    MISSING_LIBRARY = "missing-library"
    MISSING_PACKAGE = "missing-package"
    """A package by the name that pkg-config, CMake or meson know it by."""
    MISSING_MODULE = "missing-module"
    """A module of Python or Perl."""
    MISSING_PROGRAM = "missing-program"
    MISSING_FILE = "missing-file"
    CMAKE = "cmake"
    MESON = "meson"
    CONFIGURE = "configure"
    MAKE = "make"
    """A Makefile or a build file of ninja that cannot be carried out."""
    PYTHON = "python"
    TEST = "test"
    CRASH = "crash"
    MEMORY = "memory"
    DISK = "disk"
    PROCESSES = "processes"
    NETWORK = "network"
    PATCH = "patch"
    ARCHIVE = "archive"
    PERMISSION = "permission"
    COMMAND = "command"
    """A command of the step says that it has failed: it refused its arguments or its files, or whatever it says."""
    UNKNOWN = "unknown"
