"""Reads pkg-config modules (`*.pc`, pc(5)): variables, version, and the modules and libraries that a module names.

Reads a text; the modules and files that it names are not opened.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from farm.core.package.facts import ModuleVersion, PkgConfigLibraries, PkgConfigModule
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Mapping

_LINE = re.compile(r"([A-Za-z0-9_.]+)[ \t]*([=:])[ \t]*(.*)")
_VARIABLE = re.compile(r"\$\$|\$\{([A-Za-z0-9_.]+)\}")
# "name", or "name >= 1.2"; commas and blanks separate.
_MODULE = re.compile(r"([^\s,<>=!]+)(?:[\s,]*(<=|>=|!=|<|>|=)[\s,]*([^\s,<>=!]+))?")
# A blank may be part of a word, after a backslash or in quotes.
_WORD = re.compile(r"""(?:\\.|"[^"]*"|'[^']*'|[^\s"'])+""")
_LIBRARY_FILE = re.compile(r"/.*\.(?:a|so(?:\.[^/]*)?)")
# The word after these is their value, not a file to link with.
_WITH_VALUE = frozenset(("-L", "-l", "-I", "-R", "-rpath", "-Xlinker", "-isystem", "-idirafter", "-F", "-framework"))
_LISTS = {
    **dict.fromkeys(("requires", "requires.private", "requires.internal", "provides", "conflicts"), ", "),
    **dict.fromkeys(("libs", "libs.private"), " "),
}
"""The fields that are lists, with their separators."""
_LONGEST = 1024 * 1024


class InvalidPkgConfigError(FarmError):
    """A `.pc` file that no pkg-config could read."""

    code = "invalid-pkg-config"

    def __init__(self, module: str, why: str) -> None:
        super().__init__(f"the pkg-config module {module}: {why}", remedy="Fix its .pc file in a step of the recipe.")


def parse_pkg_config(name: str, text: str) -> PkgConfigModule:
    """Return what the `.pc` text of the module `name` says. Raises `InvalidPkgConfigError`.

    A variable is expanded with its value at that line, as pkgconf does, so references cannot go round in a circle;
    one that is not defined expands to nothing.
    """
    variables: dict[str, str] = {}
    fields: dict[str, str] = {}
    for line in _logical_lines(text):
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        key, separator, value = match.groups()
        value = _expand(name, value.strip(), variables)
        if separator == "=":
            variables[key] = value
        else:
            key = key.lower()
            # Of a list each line adds to those before it, as pkgconf has it; of a text the last line counts.
            fields[key] = f"{fields[key]}{_LISTS[key]}{value}" if key in _LISTS and key in fields else value
    if "version" not in fields:
        raise InvalidPkgConfigError(name, "it has no Version")
    libraries, private = fields.get("libs", ""), fields.get("libs.private", "")
    requires = [fields.get(key, "") for key in ("requires", "requires.private", "requires.internal")]
    public, for_static, internal = map(_modules, requires)
    return PkgConfigModule(
        name,
        fields["version"],
        public,
        for_static,
        PkgConfigLibraries(
            _flagged(libraries, "-l"), _flagged(private, "-l"), _flagged(f"{libraries} {private}", "-L")
        ),
        tuple(version for version in _versions(", ".join(requires)) if version.comparison),
        internal,
        _versions(fields.get("provides", "")),
        _versions(fields.get("conflicts", "")),
        _files(libraries),
    )


def _logical_lines(text: str) -> list[str]:
    """Join continued lines, and leave out comments."""
    lines = re.sub(r"\\\r?\n", " ", text).splitlines()
    return [stripped for line in lines if (stripped := line.partition("#")[0].strip())]


def _expand(module: str, value: str, variables: Mapping[str, str]) -> str:
    expanded = _VARIABLE.sub(lambda match: variables.get(match[1], "") if match[1] else "$", value)
    # Each line can double what the line before it holds.
    if len(expanded) > _LONGEST:
        raise InvalidPkgConfigError(module, "its variables expand to more than 1 MiB")
    return expanded


def _modules(requirement: str) -> tuple[str, ...]:
    """Return the names alone, sorted: a set pairs builds by what they are, not by ranges of versions."""
    return tuple(sorted({name for name, _, _ in _MODULE.findall(requirement)}))


def _versions(requirements: str) -> tuple[ModuleVersion, ...]:
    """Return the modules with the versions that are meant, sorted."""
    return tuple(sorted({ModuleVersion(*found) for found in _MODULE.findall(requirements)}))


def _flagged(flags: str, option: str) -> tuple[str, ...]:
    """Return what follows `option` in a linker's arguments, joined to it or as the next one, each once, in order."""
    words = _WORD.findall(flags)
    joined = [
        word.removeprefix(option) or following
        for word, following in zip(words, [*words[1:], ""], strict=False)
        if word.startswith(option)
    ]
    return tuple(dict.fromkeys(_plain(word) for word in joined if word))


def _files(flags: str) -> tuple[str, ...]:
    """Return the libraries that a linker is given by an absolute path, each once, in order."""
    words = list(map(_plain, _WORD.findall(flags)))
    paths = [word for before, word in zip(["", *words], words, strict=False) if before not in _WITH_VALUE]
    return tuple(dict.fromkeys(path for path in paths if _LIBRARY_FILE.fullmatch(path)))


def _plain(word: str) -> str:
    return word.replace("\\", "").strip("\"'")
