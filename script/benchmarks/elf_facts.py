"""Row 8: the dynamic facts of 500 libraries of this machine, symbol versions included, compared with binutils.

The files are read in place, in the page cache after the warm-up. `farm` is timed inside a running process, as in a
worker; the peers write their output to /dev/null. tests/core/package/test_elf.py checks that `farm` finds the same.
"""

from __future__ import annotations

import mmap
import sysconfig
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from farm.core.package.elf.file import read_elf
from script.benchmarks.measurement import interleave, run
from script.benchmarks.table import Goal, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from script.benchmarks.ground import Ground

NUMBER = 8
TITLE = "ELF facts with symbol versions, 500 libraries"
GOAL = Goal(
    "farm",
    "objdump -p -T",
    1.0,
    why="each name becomes a Python string that lives on, where objdump prints it and forgets it",
)
LIBRARIES = 500


def libraries(count: int = LIBRARIES) -> list[Path]:
    """Return the first `count` shared libraries directly in the machine's library directory, by name."""
    directory = Path("/usr/lib") / (sysconfig.get_config_var("MULTIARCH") or "x86_64-linux-gnu")
    candidates = (path for path in sorted(directory.glob("*.so*")) if not path.is_symlink() and path.is_file())
    return list(islice(filter(_is_elf, candidates), count))


def _is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def read_all(paths: Sequence[Path]) -> int:
    """Read the facts of each file; returns the number of symbols."""
    symbols = 0
    for path in paths:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as content:
            facts = read_elf(content)
        if facts is not None:
            symbols += sum(len(group.names) for group in facts.exported)
            symbols += sum(len(group.names) for group in facts.imported)
    return symbols


def measure(_ground: Ground, rounds: int) -> Iterator[Table]:
    """Time `farm`, objdump, readelf, and cat as the lower bound."""
    paths = libraries()
    measured = interleave(
        {
            "farm": lambda: read_all(paths),
            "objdump -p -T": lambda: run(["objdump", "-p", "-T", *paths]),
            "readelf -dVW --dyn-syms": lambda: run(["readelf", "-dVW", "--dyn-syms", *paths]),
            "cat (floor)": lambda: run(["cat", *paths]),
        },
        rounds,
    )
    size, symbols = sum(path.stat().st_size for path in paths), read_all(paths)
    note = f"{len(paths)} libraries of {size / 1e6:.0f} MB, {symbols:,} symbols."
    yield Table(f"{NUMBER}. {TITLE}", "cat (floor)", tuple(measured), (GOAL,), note, processor=True)
