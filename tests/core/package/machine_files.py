"""The ELF files of the machine that the tests run on: output of real linkers."""

from __future__ import annotations

from pathlib import Path

_ROOTS = (Path("/usr/lib/x86_64-linux-gnu"), Path("/usr/bin"))


def elf_files() -> list[Path]:
    """Return every ELF file below the roots, sorted, each inode once."""
    found: dict[tuple[int, int], Path] = {}
    for path in sorted(path for root in _ROOTS for path in root.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        with path.open("rb") as file:
            if file.read(4) == b"\x7fELF":
                status = path.stat()
                found.setdefault((status.st_dev, status.st_ino), path)
    return list(found.values())


def sample(files: list[Path], count: int, *, largest: int = 1_000_000) -> list[Path]:
    """Return about `count` of the files up to `largest` bytes, evenly chosen."""
    small = [path for path in files if path.stat().st_size <= largest]
    return small[:: max(1, len(small) // count)]
