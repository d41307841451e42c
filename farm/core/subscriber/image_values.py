"""The forms of names, paths and ports in image files. Each check returns its text or raises a `FarmError`."""

from __future__ import annotations

import re

from farm.core.files.matching import InvalidValueError, Matching
from farm.core.files.problems import quoted
from farm.core.names.root_places import MERGED, TAKEN, merged

RESERVED_LABELS = "farm."
"""The prefix of the labels that describe an image's set."""
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,126}[A-Za-z0-9])?")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,31})?")
_PORT = re.compile(r"([0-9]{1,5})(?:/(tcp|udp|sctp))?")
_NOT_FOR_IMPORTS = frozenset({"packages", "dev", "proc", "sys", "tmp"})
_OF_THE_ROOT = frozenset({"", "etc", "run", "usr", "var", "var/tmp", *(f"usr/{name}" for name in MERGED)})
_LONGEST = 32 * 1024
_MOST_PORT = 65535

environment_name = Matching(r"[A-Za-z_][A-Za-z0-9_]{0,127}", "cannot name a variable", "Use A-Z, a-z, 0-9 and _.")
"""The name of an environment variable in a container."""


def value(text: str) -> str:
    """Check a word of a command, or the value of a variable or label: anything that can be passed to a process."""
    if "\0" in text:
        raise InvalidValueError("a text has a NUL character, which cannot be passed to a process", remedy="Remove it.")
    if len(text) > _LONGEST:
        raise InvalidValueError(f"a text has {len(text)} characters, and {_LONGEST} is the most", remedy="Shorten it.")
    return text


def label_name(text: str) -> str:
    """Check the name of a label that is not one of farm's own."""
    if text.startswith(RESERVED_LABELS):
        raise InvalidValueError(
            f"labels that begin with {RESERVED_LABELS} are farm's own", remedy="Choose another name, as org.example.x."
        )
    if not _LABEL.fullmatch(text):
        raise InvalidValueError(f"{quoted(text)} cannot name a label", remedy="Use letters, digits, . _ / and -.")
    return text


def user(text: str) -> str:
    """Check the user of a container, and the group where there is one.

    The name root becomes its number, which is the same everywhere: an image without /etc/passwd knows no names.
    """
    if not _USER.fullmatch(text):
        raise InvalidValueError(
            f"{quoted(text)} is not a valid user", remedy="Write a number or a name, and :group if there is one."
        )
    return ":".join("0" if part == "root" else part for part in text.split(":"))


def port(text: str) -> str:
    """Check a port that a container listens on; returned as `8080/tcp`."""
    found = _PORT.fullmatch(text)
    if found is None or not 1 <= int(found[1]) <= _MOST_PORT:
        raise InvalidValueError(f"{quoted(text)} is not a valid port", remedy="Write it as 8080, or 53/udp.")
    return f"{int(found[1])}/{found[2] or 'tcp'}"


def image_path(text: str) -> str:
    """Check an absolute path in an image; returned without the leading slash, the root as the empty text."""
    parts = text.removeprefix("/").removesuffix("/").split("/")
    clean = text == "/" or not any(part in ("", ".", "..") for part in parts)
    if not text.startswith("/") or not clean or not text.isprintable():
        raise InvalidValueError(f"{quoted(text)} is not an absolute path", remedy="Write it as /srv/data.")
    return "/".join(parts)


def volume(text: str) -> str:
    """Check a writable path of a container, which hides what the image has there; returned as by `image_path`."""
    path = image_path(text)
    top = path.partition("/")[0]
    if not path or top in TAKEN:
        raise InvalidValueError(
            f"a volume at {quoted(text)} would hide what the image has in /{top}",
            remedy="Choose a place of its own, as /data or /var/lib/NAME.",
        )
    return path


def import_path(text: str) -> str:
    """Check where a package may be imported; returned in the form of an image's root: `/bin/x` is `usr/bin/x`."""
    path = image_path(text)
    top = path.partition("/")[0]
    path = merged(path)
    if top in _NOT_FOR_IMPORTS or path in _OF_THE_ROOT:
        raise InvalidValueError(
            f"nothing can be imported at {quoted(text)}", remedy="Choose a path of its own, as /opt/NAME or /srv/www."
        )
    return path
