"""The metadata of installed Python distributions (core metadata, PEP 345 and later; `*.dist-info/METADATA`).

Nothing is evaluated here: markers and versions stay text, for code that knows which Python will read them.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from typing import TYPE_CHECKING

from farm.core.names.form import Form

if TYPE_CHECKING:
    from typing_extensions import Buffer

_PLACE = re.compile(r"lib/python3[^/]*/(?:site|dist)-packages/[^/]+\.(?:dist-info/METADATA|egg-info/PKG-INFO|egg-info)")


@dataclass(frozen=True, slots=True)
class PythonDistribution(Form, record="Python distribution"):
    """One installed distribution: the path of its metadata, and its `Name`, `Version` and `Requires-Python`.

    `requires` are its `Requires-Dist` as they are written, with extras and markers, in their order; without any, the
    content of the older `requires.txt` beside the metadata, in the same form.
    """

    path: str
    name: str
    version: str
    requires_python: str = ""
    requires: tuple[str, ...] = ()


def read_python_metadata(path: str, content: Buffer) -> PythonDistribution | None:
    """Return the distribution that a file of a package describes.

    None for a path that is not of metadata, and for metadata without a name or version.
    """
    if not _PLACE.fullmatch(path):
        return None
    head = BytesHeaderParser().parsebytes(bytes(content))
    name, version = _value(head.get("Name")), _value(head.get("Version"))
    if not name or not version:
        return None
    requires = tuple(_value(header) for header in head.get_all("Requires-Dist", ()))
    return PythonDistribution(path, name, version, _value(head.get("Requires-Python")), requires)


def requirements_beside(path: str) -> str:
    """Return the path of a distribution's `requires.txt` if its metadata, at this path, can have one; else empty."""
    directory, name = posixpath.split(path)
    return posixpath.join(directory, "requires.txt") if name == "PKG-INFO" else ""


def read_requirements(content: bytes) -> tuple[str, ...]:
    """Return the requirements in a `requires.txt` of setuptools as `Requires-Dist` values, like `importlib.metadata`.

    Its sections are named `[EXTRA]`, `[:MARKER]` or `[EXTRA:MARKER]`.
    """
    found: list[str] = []
    condition = ""
    for line in filter(None, map(str.strip, content.decode("utf-8", "replace").splitlines())):
        if line.startswith("[") and line.endswith("]"):
            extra, _, marker = line.strip("[]").partition(":")
            conditions = [f"({marker})" if extra and marker else marker, f'extra == "{extra}"' if extra else ""]
            condition = " and ".join(filter(None, conditions))
        else:
            found.append(f"{line}{' ' if '@' in line else ''}{f'; {condition}' if condition else ''}")
    return tuple(found)


def python_directory(path: str) -> str:
    """Return the directory of modules that a path of a package is below (`lib/python3.13`), or empty."""
    parts = path.split("/")
    inside = len(parts) > 2 and parts[0] == "lib" and parts[1].startswith("python3")
    return posixpath.join(*parts[:2]) if inside else ""


def _value(header: object) -> str:
    return " ".join(str(header).split()) if header is not None else ""
