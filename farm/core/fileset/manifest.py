"""The manifest of a FileSet: its entries and imports, its canonical form, and its digest, the tree digest.

A manifest has no owner, time or extended attribute. `farm.core.fileset.rules` defines which paths and links it may
have.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from farm.core.fileset import rules
from farm.core.fileset.refusal import Refusal
from farm.core.names.bounded_json import load_bounded
from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest, InvalidDigestError
from farm.core.names.form import Form, InvalidRecordError
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

FORMAT = 1
LARGEST_MANIFEST = 64 << 20
"""The largest canonical JSON, in bytes. A manifest of 40,000 files has 8 MB."""
_MOST_VALUES = 4_000_000
"""An entry has five values, and names may contain commas and brackets."""


class InvalidManifestError(FarmError):
    """A manifest breaks a rule of FileSets; `path` is the entry at fault, empty for the manifest as a whole."""

    code = "invalid-manifest"

    def __init__(self, message: str, *, path: str = "", reason: Refusal | None = None) -> None:
        # A path at fault may have any characters: it is shown escaped, and shortened.
        super().__init__(f"{path[:300]!r}: {message}" if path else message)
        self.path = path
        self.reason = reason


class OverlappingImportError(InvalidManifestError):
    """Two parents of a FileSet claim one path: two imports, or an import and the FileSet's own files."""

    code = "overlapping-import"

    def __init__(self, path: str, parents: tuple[str, str]) -> None:
        super().__init__(f"both {parents[0]} and {parents[1]} want this path", path=path)
        self.remedy = "Import the FileSets at paths of which none holds another, and keep own files out of them."
        self.parents = parents


@dataclass(frozen=True, slots=True)
class File:
    """A regular file: size in bytes, digest of its content, and whether its mode is 0755 rather than 0644."""

    path: str
    size: int
    digest: Digest
    executable: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the entry as plain values for canonical JSON."""
        mode = "0755" if self.executable else "0644"
        return {"path": self.path, "type": "file", "mode": mode, "size": self.size, "sha256": self.digest.hex}


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory, mode 0755."""

    path: str

    def to_dict(self) -> dict[str, Any]:
        """Return the entry as plain values for canonical JSON."""
        return {"path": self.path, "type": "dir", "mode": "0755"}


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link with its unchanged target."""

    path: str
    target: str

    def to_dict(self) -> dict[str, Any]:
        """Return the entry as plain values for canonical JSON."""
        return {"path": self.path, "type": "link", "target": self.target}


Entry: TypeAlias = File | Directory | Link


@dataclass(frozen=True, slots=True)
class Import(Form, record="import of a manifest"):
    """Another FileSet, by tree digest, at a path of this one."""

    path: str
    tree: Digest


@dataclass(frozen=True)
class Manifest:
    """The entries of a tree, sorted by path and checked; made by `Manifest.of` or `Manifest.from_json`, then trusted.

    With `absolute_links`, links may have any target, as in a toolchain's root filesystem or a link forest.
    """

    # Not slotted, so that properties of 40,000 entries are computed once.
    entries: tuple[Entry, ...]
    imports: tuple[Import, ...] = ()
    absolute_links: bool = False

    @classmethod
    def of(cls, entries: Iterable[Entry], imports: Iterable[Import] = (), *, absolute_links: bool = False) -> Manifest:
        """Sort the entries, add missing parent directories, and check every rule.

        A directory may occur more than once, and so may the import of one tree at one path: equal entries agree. Any
        other duplicate path is refused. Raises `InvalidManifestError`.
        """
        return cls._of(entries, imports, absolute_links=absolute_links, complete=False)

    @classmethod
    def _of(
        cls, entries: Iterable[Entry], imports: Iterable[Import], *, absolute_links: bool, complete: bool
    ) -> Manifest:
        """Do the work of `of`; where the entries must be `complete`, a missing parent is refused, not added."""
        by_path: dict[str, Entry] = {}
        for entry in entries:
            _check_entry(entry, absolute_links=absolute_links)
            if by_path.setdefault(entry.path, entry) is not entry:
                _check_twin(by_path[entry.path], entry)
        ordered_imports = tuple(sorted(set(imports), key=lambda item: (item.path, item.tree)))
        _check_imports(by_path, ordered_imports)
        for path in (*by_path, *(item.path for item in ordered_imports)):
            _add_parents(by_path, path, complete=complete)
        # UTF-8 keeps the order of code points, so the order of the text is the order of the path's bytes.
        return cls(tuple(by_path[path] for path in sorted(by_path)), ordered_imports, absolute_links)

    @classmethod
    def from_json(cls, data: bytes) -> Manifest:
        """Read a canonical manifest; anything that does not encode to the same bytes is refused.

        A manifest larger than `LARGEST_MANIFEST` or with too many entries is refused too, before it is decoded into
        memory. Raises `InvalidManifestError`.
        """
        try:
            document = load_bounded(data, largest=LARGEST_MANIFEST, values=_MOST_VALUES)
            if document["format"] != FORMAT:
                raise InvalidManifestError(f"format {document['format']!r} is not {FORMAT}, the one known here")
            if len(document["entries"]) + len(document["imports"]) > rules.MOST_ENTRIES:
                raise InvalidManifestError(f"there are more than {rules.MOST_ENTRIES} entries and imports")
            manifest = cls._of(
                (_entry_from_dict(item) for item in document["entries"]),
                map(Import.from_dict, document["imports"]),
                absolute_links=document.get("links") == "any",
                complete=True,
            )
        except (
            ValueError,
            TypeError,
            KeyError,
            AttributeError,
            RecursionError,
            InvalidDigestError,
            InvalidRecordError,
        ) as error:
            raise InvalidManifestError(f"not a manifest: {error!r:.200}") from error
        if manifest.tree_digest != Digest.of(data):  # which is needed next, and equivalent to comparing the bytes
            raise InvalidManifestError("the manifest is not in canonical form")
        return manifest

    def to_json(self) -> bytes:
        """Return the canonical JSON (RFC 8785), whose digest is the tree digest."""
        document: dict[str, Any] = {
            "entries": [entry.to_dict() for entry in self.entries],
            "format": FORMAT,
            "imports": [item.to_dict() for item in self.imports],
        }
        if self.absolute_links:
            document["links"] = "any"
        return canonical_json(document)

    @cached_property
    def tree_digest(self) -> Digest:
        """The digest of the canonical JSON: it identifies the tree, and the blob with the manifest."""
        return Digest.of(self.to_json())

    @cached_property
    def by_path(self) -> Mapping[str, Entry]:
        """Every entry by its path."""
        return {entry.path: entry for entry in self.entries}

    def files(self) -> Iterator[File]:
        """Yield the regular files in the order of their paths."""
        return (entry for entry in self.entries if isinstance(entry, File))

    def store_path(self, name: str, version: str) -> str:
        """Return the name of this tree's directory under `/packages`: name, version, 160 bits of the tree digest."""
        return f"{name}-{version}-{self.tree_digest.store_key}"


def _check_path(path: str) -> None:
    if fault := rules.path_fault(path):
        raise InvalidManifestError(fault.explanation, path=path, reason=fault)


def _check_entry(entry: Entry, *, absolute_links: bool) -> None:
    _check_path(entry.path)
    if isinstance(entry, Link):
        if fault := rules.link_fault(entry.path, entry.target, absolute=absolute_links):
            message = f"{fault.explanation}: {entry.target[:300]!r}"
            raise InvalidManifestError(message, path=entry.path, reason=fault)
    elif isinstance(entry, File) and not 0 <= entry.size <= rules.LARGEST_FILE:
        fault = Refusal.FILE_TOO_LARGE
        raise InvalidManifestError(f"a size of {entry.size} bytes is out of range", path=entry.path, reason=fault)


def _check_twin(first: Entry, second: Entry) -> None:
    if isinstance(first, Directory) and isinstance(second, Directory):
        return
    fault = Refusal.DUPLICATE_NAME if type(first) is type(second) else Refusal.FILE_AND_DIRECTORY
    raise InvalidManifestError(fault.explanation, path=first.path, reason=fault)


def _add_parents(by_path: dict[str, Entry], path: str, *, complete: bool) -> None:
    while above := rules.parent(path):
        found = by_path.get(above)
        if isinstance(found, Directory):
            return
        if found is not None:
            fault = Refusal.LINK_AS_PARENT if isinstance(found, Link) else Refusal.FILE_AS_PARENT
            raise InvalidManifestError(fault.explanation, path=path, reason=fault)
        if complete:  # each path may lack 2,000 parents
            fault = Refusal.MISSING_PARENT
            raise InvalidManifestError(f"{fault.explanation}, which the canonical form has", path=path, reason=fault)
        by_path[above] = Directory(above)
        path = above


def _check_imports(paths: Iterable[str], imports: tuple[Import, ...]) -> None:
    """Check that no import contains another one or any of the FileSet's own `paths`; imports are sorted by path."""
    parents: dict[str, str] = {}
    for item in imports:
        _check_path(item.path)
        _check_outside(parents, item.path, str(item.tree))
        parents[item.path] = str(item.tree)
    for path in paths if imports else ():
        _check_outside(parents, path, "its own files")


def _check_outside(parents: Mapping[str, str], path: str, parent: str) -> None:
    for place in (path, *rules.parents(path)):
        if place in parents:
            raise OverlappingImportError(path, (parents[place], parent))


def _entry_from_dict(item: Mapping[str, Any]) -> Entry:
    """Read an entry as `to_dict` writes it. Extra or misspelled members show when the whole is encoded again."""
    path, kind = item["path"], item["type"]
    if not isinstance(path, str):
        raise InvalidManifestError(f"a path is a text, not {path!r:.100}")
    if kind == "dir":
        return Directory(path)
    if kind == "link":
        if not isinstance(item["target"], str):
            raise InvalidManifestError("a target is a text", path=path)
        return Link(path, item["target"])
    if kind != "file":
        raise InvalidManifestError(f"an entry has no type {kind!r:.100}", path=path)
    if type(item["size"]) is not int:
        raise InvalidManifestError("a size is a whole number", path=path)
    return File(path, item["size"], Digest.from_hex(item["sha256"]), executable=item["mode"] == "0755")
