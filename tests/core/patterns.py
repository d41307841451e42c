"""Measures how the work of regular expressions grows with hostile text.

    python -m tests.core.patterns MODULE...

prints a line `GROWTH PATTERN` for each compiled pattern of the modules, after the line `: PATTERN`. Nothing is printed
after the latter while a pattern does not come to an end: whoever calls this gives it a limit of time.
"""

from __future__ import annotations

import importlib
import re
import sys
import time
from re import _constants as tokens  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SHORT, LONG = 500, 2000
FLOOR = 0.002
"""Seconds below which a time says nothing of growth."""
KNOWN = (
    ("a.c:1", ".1", " error"),
    ("", "a.", " Temporary failure"),
    ("", "a.a-", ": Temporary failure"),
    ("", " ", "Traceback"),
    ("", "|", "x: Traceback"),
    ("x ", ">a", " b"),
    ("x ", ">a >a", ";"),
    ("ld: ", "relocation ", ""),
    ("", "/ld: relocation ", ""),
)
"""Beginnings, what is repeated, and ends of lines that were slow once."""
_CHARACTERS = "a1 ./-_:=>|'\"A\t#([\n\\*{}é"
_ENOUGH = 8
_REPEATS = (tokens.MAX_REPEAT, tokens.MIN_REPEAT, tokens.POSSESSIVE_REPEAT)
_MOST_ATTACKS = 200


def patterns_of(module: str) -> Iterator[re.Pattern[Any]]:
    """Yield the compiled patterns that a module keeps: by name, in tuples, and in its classes."""
    loaded = importlib.import_module(module)
    for value in vars(loaded).values():
        yield from _patterns(value, module)


def _patterns(value: Any, module: str) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _patterns(item, module)
    elif isinstance(value, type) and value.__module__ == module:
        for item in vars(value).values():
            yield from _patterns(item, module)


def growth_of(pattern: re.Pattern[Any]) -> float:
    """Return the greatest ratio of times for a text four times as long: 4 is linear work, 16 quadratic, 64 cubic."""
    worst = 1.0
    for attack in attacks(pattern):
        worst = max(worst, _ratio(pattern, attack))
        if worst > _ENOUGH:
            break  # one that is much slower takes minutes for all of them
    return worst


def _ratio(pattern: re.Pattern[Any], attack: tuple[str, str, str]) -> float:
    long = _seconds(pattern, _text(attack, LONG))
    if long < 16 * FLOOR:
        return 1.0  # whatever it grows like, a line is not long enough for it to matter
    return min(_seconds(pattern, _text(attack, LONG)), long) / max(_seconds(pattern, _text(attack, SHORT)), FLOOR)


def _seconds(pattern: re.Pattern[Any], text: str) -> float:
    subject: Any = text.encode() if isinstance(pattern.pattern, bytes) else text
    begin = time.process_time()
    pattern.search(subject)
    pattern.fullmatch(subject)
    return time.process_time() - begin


def _text(attack: tuple[str, str, str], length: int) -> str:
    before, again, after = attack
    return before + again * (max(length - len(before) - len(after), 1) // len(again)) + after


def attacks(pattern: re.Pattern[Any]) -> list[tuple[str, str, str]]:
    """Return near misses of a pattern: each part of it repeated, alone and behind what precedes it."""
    text = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    found: dict[tuple[str, str, str], None] = {}
    for before, again in _pumps(list(parser.parse(text, pattern.flags)), ""):
        for begin in dict.fromkeys((before, "")):
            found |= {(begin, again, end): None for end in ("\0", "\n", "") if again}
    return [*KNOWN, *list(found)[:: len(found) // _MOST_ATTACKS + 1]]


def _pumps(items: Sequence[Any], before: str) -> Iterator[tuple[str, str]]:
    """Yield what may stand before a repeated text, and that text."""
    for number, (kind, value) in enumerate(items):
        own = _sample([items[number]])
        behind = _sample(items[number + 1 :])
        if kind in _REPEATS and value[1] > 8:
            bodies = _samples(value[2])
            yield from ((before, body) for body in bodies)
            yield from ((before, one + other) for one in bodies[:4] for other in bodies[:4] if one != other)
            yield from ((before, f"{body}{behind[:width]}") for body in bodies[:3] for width in (1, len(behind)))
            yield before, f"{before}{own}"
        yield before, f"{own}{_sample(items[number + 1 : number + 2])}"
        for inner in _inside(kind, value):
            yield from _pumps(inner, before)
        before += own
    yield "", before


def _inside(kind: Any, value: Any) -> list[list[Any]]:
    if kind in _REPEATS:
        return [list(value[2])]
    if kind is tokens.SUBPATTERN:
        return [list(value[3])]
    if kind is tokens.ATOMIC_GROUP:
        return [list(value)]
    if kind is tokens.BRANCH:
        return [list(branch) for branch in value[1]]
    return [list(value[1])] if kind in (tokens.ASSERT, tokens.ASSERT_NOT) else []


def _sample(items: Sequence[Any]) -> str:
    return "".join(next(filter(None, _samples([item])), "") for item in items)


def _samples(items: Any) -> list[str]:
    """Return some texts that match a sequence of parts; the empty text where none is known."""
    items = list(items)
    if len(items) != 1:
        return [_sample(items)]
    kind, value = items[0]
    if kind is tokens.LITERAL:
        return [chr(value)]
    if kind in (tokens.IN, tokens.NOT_LITERAL, tokens.ANY):
        return _members(kind, value) or ["x"]
    if kind in _REPEATS:
        return [body * max(value[0], 1) for body in _samples(value[2])]
    inside = _inside(kind, value) if kind not in (tokens.ASSERT, tokens.ASSERT_NOT) else []
    return [sample for items in inside for sample in _samples(items)] or [""]


def _members(kind: Any, value: Any) -> list[str]:
    """Return the characters to try that are in a class."""
    single = parser.SubPattern(parser.State(), [(kind, value)])
    compiled = re._compiler.compile(single, re.DOTALL)  # type: ignore[attr-defined]
    known = [chr(code) for name, code in value if name is tokens.LITERAL] if kind is tokens.IN else []
    return [character for character in dict.fromkeys((*_CHARACTERS, *known)) if compiled.fullmatch(character)]


def main(modules: Sequence[str]) -> None:
    """Print the growth of each pattern of the modules."""
    for module in modules:
        for pattern in dict.fromkeys(patterns_of(module)):
            sys.stdout.write(f": {module} {pattern.pattern!r}\n")
            sys.stdout.flush()
            sys.stdout.write(f"{growth_of(pattern):.1f} {module} {pattern.pattern!r}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
