"""The user's own directories as one layer: the same files give the same layer, whoever has them and wherever.

Modes are 0644 and 0755, there is no owner and no time, what is ignored is left out, and the tar is not compressed,
because what compressing gives differs from one version of zstd to the next.
"""

from __future__ import annotations

import hashlib
import tarfile
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO

from farm.core.fileset.archive import ArchiveWriter
from farm.core.fileset.manifest import Directory, Entry, File, InvalidManifestError, Link, Manifest
from farm.core.names.digest import Digest
from farm.core.plan.job import BlobRef
from farm.errors import FarmError
from farm.oci.ignore_rules import IgnoreRules
from farm.oci.layer import TAR, Layer
from farm.oci.links_layer import ALWAYS
from farm.oci.own_tree import scan_own_tree
from farm.store.capture import digest_tree
from farm.store.errors import TreeChangedError
from farm.store.tree_reader import PIECE, TreeReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from farm.store.blobs import BlobStore

HOLDS = "own files"
_MERGED = ("bin", "sbin", "lib", "lib64")
_NOT_OURS = ("packages", "dev", "proc", "sys")
# Their mode is 1777, which no FileSet holds; the layer of links makes them.
_FOR_EVERYBODY = frozenset({"tmp", "var/tmp"})


class OwnFilesError(FarmError):
    """A directory of the user's cannot go into an image."""

    code = "own-files"


@dataclass(frozen=True, slots=True)
class OwnFiles:
    """The user's files as they lie in an image: `manifest` relative to its root, and the layer that holds them."""

    manifest: Manifest
    layer: Layer


def own_files(directories: Sequence[tuple[Path, str]], store: BlobStore) -> OwnFiles:
    """Put directories, each with its path in the image, into the store as one layer.

    An empty path is the image's root. `bin`, `sbin`, `lib` and `lib64` there are those below `/usr`, as in every image.
    Raises `OwnFilesError`, `IgnoreFileError`, `UnfitTreeError`, `TreeChangedError`.
    """
    found = placed_entries(directories, digest_tree)
    manifest = Manifest.of((placed for _, _, placed in found.values()), absolute_links=True)
    with ExitStack() as stack, store.writer() as writer:
        readers = {each: stack.enter_context(TreeReader(each)) for each in {source for source, _, _ in found.values()}}
        archive = ArchiveWriter("")
        for entry in manifest.entries:
            if isinstance(entry, Directory) and entry.path in _FOR_EVERYBODY:
                continue
            writer.write(archive.header(entry))
            if isinstance(entry, File):
                directory, path, _ = found[entry.path]
                for piece in _content(readers[directory], path, entry):
                    writer.write(piece)
                writer.write(archive.padding(entry.size))
        writer.write(archive.trailer())
        blob = BlobRef(writer.commit(), writer.size)
    store.put_bytes(manifest.to_json())
    return OwnFiles(manifest, Layer(blob.digest, blob, TAR, HOLDS))


def placed_entries(
    directories: Sequence[tuple[Path, str]],
    look: Callable[[Path, Manifest], Manifest] = lambda _path, tree: tree,
    rules: Callable[[Path], IgnoreRules] = IgnoreRules.of,
) -> dict[str, tuple[Path, str, Entry]]:
    """Return every entry by its path in the image, with the directory that it is from and its path there.

    `look` completes what was found in a directory: without it no digest is known. `rules` are those by which some of a
    directory is left out. Raises as `own_files`.
    """
    found: dict[str, tuple[Path, str, Entry]] = {}
    for directory, at in sorted(directories, key=lambda each: (each[1], str(each[0]))):
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
            remedy="Keep one of them: order never decides.",
        )


def _place(directory: Path, at: str, path: str) -> str:
    placed = "/".join(part for part in (at, path) if part)
    top, _, rest = placed.partition("/")
    if top in _NOT_OURS:
        raise OwnFilesError(
            f"{directory}/{path} would lie at /{placed}, and /{top} is not for own files",
            remedy="Move it elsewhere, as below /srv or /app.",
        )
    if top in _MERGED and rest:
        return f"usr/{placed}"
    return f"usr/{top}" if top in _MERGED else placed


def _content(reader: TreeReader, path: str, entry: File) -> Iterator[bytes]:
    """Give the content of a file, which must be as it was when the manifest was made."""
    hasher = hashlib.sha256()
    for piece in [reader.read(path, entry.size)] if entry.size <= PIECE else reader.pieces(path, entry.size):
        hasher.update(piece)
        yield piece
    if hasher.hexdigest() != entry.digest.hex:
        raise TreeChangedError(path, f"its content had the digest {entry.digest}")


def is_own(path: str) -> bool:
    """Say whether a user's own file may lie at a path of an image: it hides nothing of the packages or the links."""
    top, *below = path.split("/")
    # OCI image specification, layer.md: a file of this prefix takes away what lies in the layers below.
    return top not in (*_NOT_OURS, *_MERGED) and not any(part.startswith(".wh.") for part in (top, *below))


def read_own_layer(stream: BinaryIO) -> Manifest:
    """Return the manifest of a layer of own files from the layer itself. Raises `OwnFilesError` where it is none."""
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
                    assert content is not None  # noqa: S101  (a regular file has one)
                    hasher = hashlib.sha256()
                    while piece := content.read(PIECE):
                        hasher.update(piece)
                    entries.append(
                        File(path, member.size, Digest.from_hex(hasher.hexdigest()), bool(member.mode & 0o111))
                    )
                else:
                    raise OwnFilesError(
                        f"the layer of own files has {path[:200]!r}, which is no file, directory or link"
                    )
        return Manifest.of(entries, absolute_links=True)
    except (tarfile.TarError, InvalidManifestError) as error:
        raise OwnFilesError(f"the layer of own files cannot be read: {error}") from error
