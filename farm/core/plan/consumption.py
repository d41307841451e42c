"""The files of a dependency that one build opened: the files whose code it may have copied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from farm.core.names.form import Form, InvalidRecordError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farm.core.names.digest import Digest
    from farm.core.names.package_name import PackageName

ConsumedKind = Literal["static", "headers", "unknown"]

MOST_PATHS = 100
"""The most paths that are listed of one kind for one package; further ones are only counted."""

_RECORD = "consumption"
_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class OpenedFiles(Form, record=_RECORD):
    """The number of opened files of one kind, and the first of them in the order of their paths."""

    count: int = 0
    first: tuple[str, ...] = ()

    @classmethod
    def of(cls, paths: Iterable[str]) -> OpenedFiles:
        """Return the record of these package paths."""
        ordered = sorted(set(paths))
        return cls(len(ordered), tuple(ordered[:MOST_PATHS]))

    def check(self) -> None:
        """Refuse a number of paths that contradicts the count. Raises `InvalidRecordError`."""
        if len(self.first) != min(self.count, MOST_PATHS):
            raise InvalidRecordError(_RECORD, "first", "lists another number of paths than it counts")


@dataclass(frozen=True, slots=True)
class _Opened(Form, record=_RECORD):
    """The opened files of a package, by kind."""

    static: OpenedFiles
    headers: OpenedFiles


@dataclass(frozen=True, slots=True)
class Consumption:
    """What a build opened of the package `library` with this tree.

    `is_known` is false where the build was not watched, or events were missed: then it counts as having opened
    everything.
    """

    library: PackageName
    tree: Digest
    static: OpenedFiles = OpenedFiles()
    headers: OpenedFiles = OpenedFiles()
    is_known: bool = True

    @property
    def kinds(self) -> tuple[ConsumedKind, ...]:
        """The kinds of opened files; empty when none were."""
        if not self.is_known:
            return ("unknown",)
        opened: dict[ConsumedKind, OpenedFiles] = {"static": self.static, "headers": self.headers}
        return tuple(kind for kind, files in opened.items() if files.count)

    def to_json_value(self) -> Any:
        """Return it as JSON values, without its package: `unknown`, or the opened files by kind."""
        if not self.is_known:
            return _UNKNOWN
        return _Opened(self.static, self.headers).to_dict()

    @classmethod
    def from_json_value(cls, library: PackageName, tree: Digest, value: Any) -> Consumption:
        """Read the result of `to_json_value` for that package; raises `InvalidRecordError`."""
        if value == _UNKNOWN:
            return cls(library, tree, is_known=False)
        opened = _Opened.from_dict(value)
        return cls(library, tree, opened.static, opened.headers)
