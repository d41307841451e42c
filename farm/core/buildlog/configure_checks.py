"""The checks of a configure script that failed, and which of them its error is about.

A script makes many optional checks: one that failed says nothing of an error that only comes after it.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass

from farm.core.buildlog.error_kind import ErrorKind
from farm.core.buildlog.rule import LONGEST_SUBJECT, LONGEST_TEXT

CHECKING = "checking "
_PRINTED = re.compile(r"^checking (?P<label>.{1,200}?)\.\.\. (?:\(cached\) )?no$")
_HEADER = re.compile(r"^for (?P<subject>[\w/.+-]+\.h(?:h|pp|xx)?)(?: (?:usability|presence))?$")
_LIBRARY = re.compile(r"^for \S+ in -l(?P<subject>[\w.+-]+)$")
_OPTION = re.compile(r"(?<![\w-])-l(?=\w)")
_ENDING = re.compile(r"(?:\.h(?:h|pp|xx)?|\.pc|\.so[.0-9]*|\.a)$")
_WORD = re.compile(r"[a-z0-9_][a-z0-9_+-]*(?:\.[a-z0-9_+-]+)*")
# What any error of configure's may say, whatever it is about.
_COMMON = frozenset(
    """a an and any are at available be been both build but by can cannot check checking compile could configure
    configured couldn dependencies dependency devel development did directory disable disabled do does either enable
    enabled error failed failure file files find following for found function functions has have header headers if in
    include install installed is it its lib libraries library local locate make met missing must need needed needs no
    not of on one only option optional or package packages path pkg-config please program programs provide requested
    require required requirements requires root run see set should specified specify src support supported system t test
    that the these this to try unable unless use using usr version was were whether with without work working works
    you your""".split()  # noqa: SIM905
)
_MOST_CHECKS = 400
_SHORTEST_BEGINNING = 4
"""The characters with which two words must begin alike to be about the same: `zopfli` and `zopflienc`."""
_NEAR = 40
"""Lines of the script between a check and the error that it ends in."""


@dataclass(frozen=True, slots=True)
class Check:
    """A check that failed. `label` is what is checked: `for bzlib.h`. `detail` is the line that says why it failed.

    `missing` is what is not there, as its command printed it, or as the label says it, if that is a header or library.
    """

    label: str
    detail: str
    missing: tuple[ErrorKind, str] | None = None

    @classmethod
    def printed(cls, label: str) -> Check:
        """Return a check of which only the result is known."""
        for kind, pattern in ((ErrorKind.MISSING_HEADER, _HEADER), (ErrorKind.MISSING_LIBRARY, _LIBRARY)):
            if found := pattern.match(label):
                return cls(label, f"{CHECKING}{label}... no", (kind, found["subject"][:LONGEST_SUBJECT]))
        return cls(label, f"{CHECKING}{label}... no")


class FailedChecks:
    """The checks that failed so far, in bounded memory: those that configure printed, and those of config.log."""

    def __init__(self) -> None:
        self._printed: deque[Check] = deque(maxlen=_MOST_CHECKS)
        self._logged: deque[Check] = deque(maxlen=_MOST_CHECKS)
        self._label = ""
        self._failed: Check | None = None
        self._end = 0

    def printed(self, text: str) -> None:
        """Take a line that configure printed, and that begins with `checking `."""
        if found := _PRINTED.match(text):
            self._printed.append(Check.printed(found["label"]))

    def begins(self, label: str) -> None:
        """Begin a check of config.log."""
        self._close()
        self._label = label[:LONGEST_TEXT]

    def ran(self, number: int, detail: str, missing: tuple[ErrorKind, str] | None) -> None:
        """Take the end of a command of the check, of which the last one counts; without `detail` it succeeded.

        `number` is the line of the script.
        """
        self._failed = Check(self._label, detail, missing) if detail else None
        self._end = number

    def resulted(self, number: int) -> None:
        """Take the result of the check, which the line `number` of the script has printed."""
        self._end = number

    def cause_of(self, text: str, number: int) -> tuple[Check | None, bool]:
        """Return the check that an error is about, and whether others failed, but none that it is about.

        `text` is what the error says, and `number` the line of the script that says it. The check shares a word with
        the text; where one of them has only common words, the error comes right after the check. Forgets config.log.
        """
        last = self._failed if number - self._end <= _NEAR else None
        self._close()
        logged, printed, wanted = tuple(self._logged), tuple(self._printed), _telling(text)
        self._logged.clear()
        # A beginning alone is too little for a check of a program: `x86_64-linux` and `x86_64-linux-gcc`.
        parts = tuple(check for check in printed if check.missing)
        candidates = ((_shares_word, logged), (_shares_word, printed), (_shares_beginning, (*parts, *logged)))
        for is_about, checks in candidates:
            if found := [check for check in checks if is_about(wanted, _telling(check.label))]:
                return found[-1], False
        if last and not (wanted and _telling(last.label)):
            return last, False
        return None, bool(logged)

    def _close(self) -> None:
        if self._failed:
            self._logged.append(self._failed)
        self._failed = None


def _telling(text: str) -> frozenset[str]:
    """Return the words that tell what a text is about: `z` of `libz` and `-lz`, and `zlib` of `zlib.h`."""
    found = set()
    for word in _WORD.findall(_OPTION.sub(" lib", text.lower())):
        stem = _ENDING.sub("", word.strip("-+"))
        bare = stem.removeprefix("lib")
        is_common = stem in _COMMON or bare in _COMMON or not bare.strip("0123456789.")
        if not is_common and (len(bare) > 1 or bare != stem):
            found.add(bare)
    return frozenset(found)


def _shares_word(wanted: frozenset[str], words: frozenset[str]) -> bool:
    return bool(wanted & words)


def _shares_beginning(wanted: frozenset[str], words: frozenset[str]) -> bool:
    pairs = (sorted((one, other), key=len) for one in wanted for other in words)
    return any(len(short) >= _SHORTEST_BEGINNING and long.startswith(short) for short, long in pairs)
