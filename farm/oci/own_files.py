"""The user's own directories, as they go into images and packages: the same files give the same layer on any machine.

`.git` is left out, and what the `.farmignore` at the top of a directory names, in the syntax of `.gitignore`. Modes are
0644 and 0755, there is no owner and no time, and the tar is not compressed, because versions of zstd differ.
"""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO

from farm.core.fileset.archive import ArchiveWriter
from farm.core.fileset.manifest import Directory, Entry, File, InvalidManifestError, Link, Manifest
from farm.core.names.digest import Digest
from farm.core.names.root_places import MERGED, merged
from farm.core.plan.job import BlobRef
from farm.errors import FarmError, Place
from farm.oci.layer import TAR, Layer
from farm.oci.root_layers import ALWAYS, FOR_EVERYBODY
from farm.store.capture import digest_tree
from farm.store.errors import TreeChangedError, UnfitTreeError
from farm.store.scan import scan_tree
from farm.store.tree_reader import PIECE, TreeReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pathspec import GitIgnoreSpec

    from farm.store.blobs import BlobStore


FILE = ".farmignore"
_NEVER = frozenset({".git"})
_LARGEST = 1 << 20


class IgnoreRules:
    """The rules of one directory. `met` are the paths that were left out; those of directories end with a slash."""

    def __init__(self, lines: list[str], file: str) -> None:
        """Raises the error `ignore-file`, which names `file` and the line."""
        self._spec = _spec(lines, file) if lines else None
        self.met: set[str] = set()

    @classmethod
    def of(cls, directory: Path) -> IgnoreRules:
        """Read the rules of a directory, if it has any. Raises the error `ignore-file`."""
        path = directory / FILE
        try:
            content = path.read_bytes() if path.exists() else b""
            if len(content) > _LARGEST:
                raise FarmError(
                    f"{path} has more than {_LARGEST:,} bytes",
                    remedy="Write fewer, wider rules.",
                    code="ignore-file",
                )
            return cls(content.decode().splitlines(), str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise FarmError(
                f"cannot read {path}: {error}",
                remedy="Write it in UTF-8, with a pattern on each line.",
                code="ignore-file",
            ) from error

    def leaves_out(self, path: str) -> bool:
        """Return whether a path is left out, and remember it; that of a directory ends with a slash.

        Paths below a directory that is left out are not asked for.
        """
        name = path.rstrip("/").rpartition("/")[2]
        found = name in _NEVER or path == FILE or bool(self._spec and self._spec.match_file(path))
        if found:
            self.met.add(path)
        return found


def _spec(lines: list[str], file: str) -> GitIgnoreSpec:
    from pathspec import GitIgnoreSpec  # noqa: PLC0415  # takes a tenth of a second to load

    for number, line in enumerate(lines, 1):
        try:
            GitIgnoreSpec.from_lines([line])
        except (ValueError, re.error) as error:
            raise FarmError(
                f"{line[:100]!r} is not a pattern ({error})",
                remedy="Write patterns as in .gitignore.",
                place=Place(file, number, 1),
                code="ignore-file",
            ) from error
    return GitIgnoreSpec.from_lines(lines)


def scan_own_tree(directory: Path, rules: IgnoreRules | None = None, *, absolute_links: bool = False) -> Manifest:
    """Scan a directory, as `scan_tree` does; `rules` are those of its `.farmignore` unless given.

    Raises `UnfitTreeError`, in words for the owner of the files, and the error `ignore-file`.
    """
    rules = rules or IgnoreRules.of(directory)
    try:
        return scan_tree(directory, absolute_links=absolute_links, leaves_out=rules.leaves_out)
    except UnfitTreeError as error:
        links = "links" if absolute_links else "links to places in it"
        raise UnfitTreeError(
            error.problems,
            what=f"{directory} has files that no image or package can hold",
            remedy=f"Remove them, or leave them out with a line in {directory / FILE}: only files, directories and "
            f"{links} are allowed.",
        ) from error


HOLDS = "own files"
_NOT_OURS = ("packages", "dev", "proc", "sys")


class OwnFilesError(FarmError):
    """A directory of the user cannot go into an image."""

    code = "own-files"


@dataclass(frozen=True, slots=True)
class OwnFiles:
    """The user's files in an image: `manifest` relative to its root, and the layer that holds them."""

    manifest: Manifest
    layer: Layer


def own_files(directories: Sequence[tuple[Path, str]], store: BlobStore) -> OwnFiles:
    """Store directories, each with its path in the image, as one layer.

    An empty path is the image's root. `bin`, `sbin`, `lib` and `lib64` there are those below `/usr`, as in every image.
    Raises `OwnFilesError`, the error `ignore-file`, `UnfitTreeError`, `TreeChangedError`.
    """
    found = placed_entries(directories, digest_tree)
    manifest = Manifest.of((placed for _, _, placed in found.values()), absolute_links=True)
    with ExitStack() as stack, store.writer() as writer:
        sources = {source for source, _, _ in found.values()}
        readers = {source: stack.enter_context(TreeReader(source)) for source in sources}

        def content(file: File) -> Iterator[bytes]:
            directory, path, _ = found[file.path]
            return _content(readers[directory], path, file)

        written = Manifest(tuple(entry for entry in manifest.entries if entry.path not in FOR_EVERYBODY))
        for piece in ArchiveWriter("").archive(written, content):
            writer.write(piece)
        blob = BlobRef(writer.commit(), writer.size)
    store.put_bytes(manifest.to_json())
    return OwnFiles(manifest, Layer(blob.digest, blob, TAR, HOLDS))


def placed_entries(
    directories: Sequence[tuple[Path, str]],
    look: Callable[[Path, Manifest], Manifest] = lambda _path, tree: tree,
    rules: Callable[[Path], IgnoreRules] = IgnoreRules.of,
) -> dict[str, tuple[Path, str, Entry]]:
    """Return every entry by its path in the image, with its directory and its path there.

    `look` completes the manifest of a directory; without it, digests are unknown. `rules` reads the rules by which
    files of a directory are left out. Raises as `own_files`.
    """
    found: dict[str, tuple[Path, str, Entry]] = {}
    for directory, at in sorted(directories, key=lambda placed: (placed[1], str(placed[0]))):
        if not directory.is_dir():
            raise OwnFilesError(f"{directory} is not a directory", remedy="Name a directory under `files`.")
        tree = scan_own_tree(directory, rules(directory), absolute_links=True)
        if at:
            top = Directory(_place(directory, at, ""))
            found.setdefault(top.path, (directory, "", top))
        for entry in look(directory, tree).entries:
            placed = replace(entry, path=_place(directory, at, entry.path))
            other = found.get(placed.path)
            if not (isinstance(placed, Directory) and (other is None or isinstance(other[2], Directory))):
                _check_free(directory, entry.path, placed, found)
            found[placed.path] = (directory, entry.path, placed)
    return found


def _check_free(directory: Path, path: str, placed: Entry, found: Mapping[str, tuple[Path, str, Entry]]) -> None:
    if placed.path in ALWAYS and not isinstance(placed, Directory):
        raise OwnFilesError(
            f"{directory}/{path} would lie at /{placed.path}, which is a directory in every image",
            remedy="Rename it, or put the directory elsewhere.",
        )
    if placed.path in found:
        raise OwnFilesError(
            f"/{placed.path} is in {found[placed.path][0]} and in {directory}",
            remedy="Keep one of them: their order does not decide.",
        )


def _place(directory: Path, at: str, path: str) -> str:
    placed = "/".join(part for part in (at, path) if part)
    top = placed.partition("/")[0]
    if top in _NOT_OURS:
        raise OwnFilesError(
            f"{directory}/{path} would lie at /{placed}, and /{top} is not for own files",
            remedy="Move it elsewhere, as below /srv or /app.",
        )
    return merged(placed)


def _content(reader: TreeReader, path: str, entry: File) -> Iterator[bytes]:
    """Yield the content of a file, which must not have changed since the manifest was made."""
    hasher = hashlib.sha256()
    for piece in [reader.read(path, entry.size)] if entry.size <= PIECE else reader.pieces(path, entry.size):
        hasher.update(piece)
        yield piece
    if hasher.hexdigest() != entry.digest.hex:
        raise TreeChangedError(path, f"its content had the digest {entry.digest}")


def is_own(path: str) -> bool:
    """Return whether a file of the user may lie at a path of an image: it hides no package and no link."""
    top, *below = path.split("/")
    # OCI image specification, layer.md: a file with this prefix removes files of the layers below.
    return top not in (*_NOT_OURS, *MERGED) and not any(part.startswith(".wh.") for part in (top, *below))


def read_own_layer(stream: BinaryIO) -> Manifest:
    """Return the manifest of a layer of own files. Raises `OwnFilesError` if it is not such a layer."""
    entries: list[Entry] = []
    try:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                path = member.name.rstrip("/")
                if member.isdir():
                    entries.append(Directory(path))
                elif member.issym():
                    entries.append(Link(path, member.linkname))
                elif member.isreg():
                    content = archive.extractfile(member)
                    assert isinstance(content, io.BufferedReader)  # noqa: S101  (a regular file has one)
                    digest = Digest.from_hex(hashlib.file_digest(content, "sha256").hexdigest())
                    entries.append(File(path, member.size, digest, bool(member.mode & 0o111)))
                else:
                    raise OwnFilesError(
                        f"the layer of own files has {path[:200]!r}, which is not a file, directory or link"
                    )
        return Manifest.of(entries, absolute_links=True)
    except (tarfile.TarError, InvalidManifestError) as error:
        raise OwnFilesError(f"the layer of own files cannot be read: {error}") from error
