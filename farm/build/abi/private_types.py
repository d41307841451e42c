"""Private types of a library, which its users cannot depend on: for the suppression file of `abidiff`.

Debug data name the file that defines a type. `abidiff --headers-dir` takes every type for private that is not defined
in a file with the name of an installed header, and so misses public ones: those of sources that were joined into one
file, and those of other packages' headers. Here a type is private if the library's own sources define it, and no
installed header of the build has that file name or defines that name.
"""

from __future__ import annotations

import posixpath
import re
from itertools import islice
from typing import TYPE_CHECKING

from farm.build.abi.interface_description import TypeKind

if TYPE_CHECKING:
    from collections.abc import Collection

    from farm.build.abi.interface_description import DeclaredType, InterfaceDescription

# Where builds have their sources, as compilers are made to write it (recipes/steps/prepare.yaml).
_SOURCES = ("/usr/src/", "/build/")
_HIDDEN = re.compile(r'//[^\n]*|/\*(?:.*?\*/|.*)|"(?:\\.|[^"\\\n])*"', re.DOTALL)
_KEYWORDS = ("struct", "union", "class", "enum")
_KEYWORD = re.compile(rf"\b(?:{'|'.join(_KEYWORDS)})\b")
_OPENING, _CLOSING = ("(", "[", "<"), (")", "]", ">")
_TOKEN = re.compile(r"\w+|::|\S")
_AFTER_BODY = re.compile(r"\}\s*(\w+)\s*[;,\[]")
_MACRO_CALL = re.compile(r"\b[A-Z][A-Z0-9_]{2,}\s*\(([^()]*)\)")
_MOST_TOKENS = 100
"""Between the keyword and the body of a definition; in what is longer every word counts as defined."""
_PLAIN = re.compile(r"[\w./+@~-]+")
_SPECIAL = re.compile(r"[^\w:<> ]")
_UNNAMED = "__anonymous_.*"
_LONGEST_EXPRESSIONS = 100_000
"""All of names together, in characters: the C library takes memory by the square of it, 700 MB for so many."""


def is_own_source(path: str) -> bool:
    """Return whether a path in debug data is one of the built sources, and not of a file installed in the root."""
    return not path.startswith("/") or path.startswith(_SOURCES)


def defined_names(header: str) -> set[str]:
    """Return the names of the types that a header may define, without those that it only declares (`struct shape;`).

    This is no compiler: in doubt, as for arguments of macros, a name counts as defined.
    """
    text = _HIDDEN.sub(" ", header)
    found = {match[1] for match in _AFTER_BODY.finditer(text)}
    for match in _KEYWORD.finditer(text):
        found.update(_named_before_body(text, match.end()))
    for match in _MACRO_CALL.finditer(text):
        arguments = (argument for argument in match[1].split(",") if argument.strip() and "*" not in argument)
        found.update(argument.split()[-1] for argument in arguments)
    return set(filter(str.isidentifier, found))


def is_public(declared: DeclaredType, *, headers: Collection[str], names: Collection[str]) -> bool:
    """Return whether a header defines a type: an installed one of the build, or one of another package."""
    bases = {posixpath.basename(header) for header in headers}
    base = posixpath.basename(declared.path)
    return not is_own_source(declared.path) or base in bases or _plain_name(declared.name) in names


def suppression(
    before: InterfaceDescription, after: InterfaceDescription, *, headers: Collection[str], names: Collection[str]
) -> str:
    """Return the suppression file for a comparison of two builds; empty if it would suppress nothing.

    `headers` are the paths of the installed headers of both, of which there are some, `names` what they may define.
    """
    bases = {posixpath.basename(header) for header in headers}
    known = {declared.name for declared in before.types}
    kept: dict[TypeKind, set[str]] = {kind: set() for kind in TypeKind}
    for declared in before.types | after.types:
        if (
            is_own_source(declared.path)
            and posixpath.basename(declared.path) not in bases
            # A type that replaces a public one is public too.
            and (declared.unnamed or _plain_name(declared.name) in names or declared.name not in known)
        ):
            kept[declared.kind].add(_SPECIAL.sub(".", declared.name))
    expressions = {kind: f"^(.*::)?({'|'.join([_UNNAMED, *sorted(those)])})$" for kind, those in kept.items()}
    if sum(map(len, expressions.values())) > _LONGEST_EXPRESSIONS or not all(map(_PLAIN.fullmatch, bases)):
        return ""  # it cannot be written down
    lines = (
        line
        # Without a kind a section covers typedefs too, and suppresses all that they stand for.
        for kind, expression in expressions.items()
        for line in (
            "[suppress_type]",
            "label = types of which no header says what is in them",
            f"type_kind = {kind}",
            f"source_location_not_regexp = {_installed()}",
            f"source_location_not_in = {', '.join(sorted(bases))}",
            f"name_not_regexp = {expression}",
        )
    )
    return "".join(f"{line}\n" for line in lines)


def _installed() -> str:
    """Return a POSIX expression for absolute paths that begin with none of `_SOURCES`: it has no other negation."""
    otherwise = []
    for begun in sorted({prefix[:length] for prefix in _SOURCES for length in range(1, len(prefix))}):
        going_on = sorted({prefix[len(begun)] for prefix in _SOURCES if prefix.startswith(begun)})
        otherwise.append(f"{begun}([^{''.join(going_on)}]|$)")
    return f"^({'|'.join(otherwise)})"


def _named_before_body(text: str, start: int) -> list[str]:
    """Return the words between a keyword and the body that it begins; none where it begins none."""
    words: list[str] = []
    depth = 0
    for number, match in enumerate(islice(_TOKEN.finditer(text, start), _MOST_TOKENS)):
        token = match[0]
        if token in _KEYWORDS and number:  # there is `enum class`
            return words
        if token in _OPENING:
            depth += 1
        elif token in _CLOSING and depth:
            depth -= 1
        elif depth:
            continue  # attributes, arguments of templates
        elif token in ("{", ":"):
            return words
        elif token[0].isalnum() or token[0] == "_":
            words.append(token)
        elif token not in ("::", "#", "\\"):
            return []
    return words


def _plain_name(name: str) -> str:
    """Return the name of a template for one of its instances."""
    return name.partition("<")[0]
