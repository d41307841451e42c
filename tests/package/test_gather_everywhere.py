"""Facts are of every file, wherever it lies: a link or a loader finds it there as well."""

from __future__ import annotations

import pytest

from farm.package import InvalidElfError, gather_facts, read_elf
from tests.package.small_library import RPATH, small_library
from tests.package.trees import tree


def test_a_program_among_headers_is_looked_at() -> None:
    library = small_library({RPATH: ":tmp"})
    files = tree({"include/tool": library, "include/run": b"#!/bin/sh\nexit\n"})
    facts = gather_facts(files.manifest, files.read)
    assert [(path, elf.rpath) for path, elf in facts.elf] == [("include/tool", ("", "tmp"))]


def test_a_class_that_the_kernel_does_not_look_at_hides_nothing() -> None:
    library = bytearray(small_library({}))
    library[4] = 1
    with pytest.raises(InvalidElfError):
        read_elf(bytes(library))
