"""Row 2: from a tree to the digests of its files, its canonical tar, and the compressed blob with its digest.

The equal-work peer does the work of `farm` with coreutils and tar: a digest of every file, a reproducible tar, its
compression, the digest of the blob. (`farm` also computes the digest of the uncompressed tar, which OCI requires.)
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from farm.store.blobs import BlobStore
from farm.store.capture import capture_tree
from farm.store.scan import scan_tree
from script.benchmarks.material import write_large_files, write_small_files
from script.benchmarks.measurement import interleave, run
from script.benchmarks.table import Goal, Table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from script.benchmarks.ground import Ground

NUMBER = 2
TITLE = "tree to file digests, blob digest, canonical tar and zstd"
MB = 1_000_000

_PLAIN, _EQUAL = "tar, zstd -T0 -3", "equal work: sha256sum of all, tar, zstd -T0 -3, sha256sum"
_WHY = (
    "the names in the archive hold the tree digest, so every file is hashed before the first is archived, and what"
    " does not fit the memory for it is read and hashed again"
)
_GOALS = (Goal("farm", _EQUAL, 1.0, why=_WHY), Goal("farm", _PLAIN, 1.2, why=_WHY))
_TAR = "tar --sort=name --mtime=@1 --owner=0 --group=0 --numeric-owner -cf - -C tree ."


def measure(ground: Ground, rounds: int) -> Iterator[Table]:
    """Time `farm` and the peers on many small files, and on a few large ones."""
    quarry = ground.quarry()
    small, large = ground.directory / "small", ground.directory / "large"
    write_small_files(small / "tree", quarry, count=40_000, total=340 * MB)
    write_large_files(large / "tree", quarry, count=13, total=400 * MB)
    del quarry
    yield _table("40,000 small files, 340 MB", small, rounds)
    yield _table("13 files, 400 MB", large, rounds)


def _table(title: str, directory: Path, rounds: int) -> Table:
    out = directory / "out"
    plain = f"{_TAR} | zstd -q -T0 -3 >out/blob"
    equal = f"find tree -type f -print0 | xargs -0 sha256sum >out/files; {plain}; sha256sum out/blob >out/digest"
    contenders = {
        "farm": lambda: _capture(directory / "tree", out),
        _EQUAL: lambda: run(["bash", "-euc", equal], cwd=directory),
        _PLAIN: lambda: run(["bash", "-euc", plain], cwd=directory),
    }
    measured = interleave(contenders, rounds, before=lambda _: out.mkdir(), after=lambda: shutil.rmtree(out))
    return Table(f"{NUMBER}. {title}", _PLAIN, tuple(measured), _GOALS, processor=True)


def _capture(tree: Path, out: Path) -> None:
    # The prefix depends on the tree digest, as it does for every package.
    capture_tree(tree, scan_tree(tree), BlobStore(out), prefix=lambda manifest: manifest.store_path("tree", "1.0"))
