"""Errors of compilers: GCC, Clang, the assembler, rustc, go, javac, gfortran and those that write as they do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from farm.core.buildlog.candidate import Candidate, Sign, Strength
from farm.core.buildlog.error_kind import ErrorKind
from farm.core.buildlog.rule import LONGEST_TEXT, RuleFamily, rule

if TYPE_CHECKING:
    from farm.core.buildlog.log_line import LogLine

_DRIVER = r"(?:^|[\s/])(?:[\w.]+-)*(?:gcc|g\+\+|cc1(?:plus|obj)?|cc|c\+\+|clang(?:\+\+)?|cpp|gfortran|f951|tcc|lto1|as)(?:-[\d.]+)?"
_PLACE = r"^\s*(?:In file included from )?[^\s:'\"][^:'\"]{0,300}:\d++(?:[:.][\d-]++)*+"

_RUST = re.compile(r"^error(?:\[E\d{4}\])?: (?!could not compile|aborting due|build failed|\d+ )")
_RUST_PLACE = re.compile(r"^\s*--> \S+:\d+:\d+")


class Compilers(RuleFamily):
    """Errors that name a place in a source, and those of a compiler about its own arguments."""

    signs = (
        (Sign.FAILED, re.compile(r"^compilation terminated|^\d+ errors? generated|^\d+ errors?$")),
        (Sign.FAILED, re.compile(r"all warnings being treated as errors$")),
        (Sign.FAILED, re.compile(r"^error: (?:could not compile|aborting due to|build failed)")),
    )
    rules = (
        rule(ErrorKind.COMPILER, _PLACE + r": (?:fatal |internal compiler )?error ?(?:\[?[A-Z]{1,4}\d+\]?)?: "),
        rule(ErrorKind.COMPILER, _PLACE + r": (?:Fatal )?[Ee]rror: "),
        rule(ErrorKind.COMPILER, _DRIVER + r": (?:fatal |internal compiler )?error: (?!linker command failed)"),
        rule(ErrorKind.COMPILER, r"^\S+\.(?:ts|tsx|cs)\(\d+,\d+\): error [A-Z]+\d+: "),
        rule(ErrorKind.COMPILER, r"^\[ERROR\] \S+\.java:\[\d+,\d+\] "),
        rule(ErrorKind.COMPILER, r"^(?:vet: )?(?:\./|\.\./)?[\w./+@-]+\.go:\d+:\d+: "),
        rule(ErrorKind.COMPILER, r"^(?:Fatal )?Error: .* at \(1\)"),
        rule(ErrorKind.COMPILER, r"^syntax error at \S+ line \d+"),
    )

    def __init__(self) -> None:
        self._rust: Candidate | None = None

    @property
    def is_open(self) -> bool:  # type: ignore[override]
        """Whether the next line may be the place of an error."""
        return self._rust is not None

    def see(self, line: LogLine) -> Candidate | Sign | None:
        """Take the next line. An error of rustc has its place in the line below."""
        if self._rust is not None:
            rust, self._rust = self._rust, None
            if _RUST_PLACE.search(line.text):
                rust.kind, rust.strength = ErrorKind.COMPILER, Strength.CERTAIN
                rust.text = f"{rust.text} ({line.text.strip().removeprefix('--> ')})"
        if found := super().see(line):
            return found
        if not _RUST.search(line.text):
            return None
        if line.text.startswith("error["):
            self._rust = Candidate(line, ErrorKind.COMPILER, Strength.CERTAIN, line.text[:LONGEST_TEXT])
        else:
            # Any program may begin a line so.
            text = line.text[:LONGEST_TEXT]
            self._rust = Candidate(line, ErrorKind.COMMAND, Strength.MESSAGE, text, may_become_certain=True)
        return self._rust
