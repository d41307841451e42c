"""The facts of an ELF file since format 2: copy relocations, what it may open later, how it is hardened.

Older facts have none of this, and readers of such facts report "not judged", never "passed".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from farm.core.names.form import Form, InvalidRecordError

EXECUTABLE, PIE, LIBRARY, DEBUG = "executable", "pie", "library", "debug"
BIND_NOW, EXECUTABLE_STACK, RELRO, TEXT_RELOCATIONS = "bind-now", "executable-stack", "relro", "text-relocations"
_KINDS = frozenset((EXECUTABLE, PIE, LIBRARY))


@dataclass(frozen=True, slots=True, order=True)
class CopiedSymbol(Form, record="copied symbol"):
    """A library variable of `size` bytes that the loader copies into an executable at start (R_*_COPY).

    `version` and `library` are empty where the symbol is not versioned. The executable exports its copy, too.
    """

    name: str
    version: str
    library: str
    size: int


@dataclass(frozen=True, slots=True)
class DlopenNote(Form, record="dlopen note"):
    """Libraries of which a file may open the first that exists, while it runs (FDO packaging, ".note.dlopen")."""

    sonames: tuple[str, ...]
    feature: str = ""
    priority: str = "recommended"


@dataclass(frozen=True, slots=True)
class ElfDetails(
    Form,
    record="facts of an ELF file",
    omitted={"only_search_path", "only_at_start", "producers", "refused", "processor"},
):
    """The facts of one ELF file besides its symbols.

    `kind` is `executable` (at fixed addresses), `pie` or `library`; `debug` is a separate debug file, which is in no
    facts of a package. `audit` are DT_AUDIT and DT_DEPAUDIT, split at their colons; `filters` and `auxiliaries` the
    sonames of DT_FILTER and DT_AUXILIARY. `hardening` are words, sorted: `relro` and `bind-now`, and for defects
    `executable-stack` and `text-relocations`. `build_id` is in hexadecimal digits, empty where there is none.
    `only_search_path` (DF_1_NODEFLIB): the needs of the file are not searched in the loader's default directories.
    `only_at_start` (DF_1_NOOPEN): a running process cannot open the file. `producers` are the command lines of
    compilers in the debug data of the file itself, as in a separate debug file: empty where the debug data was split
    off. `refused` are words, sorted, for what in the file's header keeps ld.so from loading it as a library (`os-abi`,
    `abi-version`, `padding`, `version`); `processor` is the level that the file needs (`x86-64-v3`), empty for any.
    Older farms did not record these two.
    """

    kind: str = LIBRARY
    audit: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    auxiliaries: tuple[str, ...] = ()
    dlopen: tuple[DlopenNote, ...] = ()
    copies: tuple[CopiedSymbol, ...] = ()
    hardening: tuple[str, ...] = ()
    build_id: str = ""
    only_search_path: bool = False
    only_at_start: bool = False
    producers: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    processor: str = ""

    def check(self) -> None:
        """Refuse an unknown kind of file, and a debug file, which is in no facts of a package."""
        if self.kind not in _KINDS:
            raise InvalidRecordError(
                "facts of an ELF file", "kind", f"is {self.kind!r:.100}, which is not a kind of file"
            )


def text(value: Any) -> str:
    """Return a string; raises `TypeError` for anything else."""
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.100} is not a text")
    return value


def texts(values: Any) -> tuple[str, ...]:
    """Return a list of strings as a tuple; raises `TypeError` for anything else."""
    if not isinstance(values, list):
        raise TypeError(f"{values!r:.100} is not a list")
    "".join(values)  # the fastest check for a hundred thousand of them
    return tuple(values)


def number(value: Any) -> int:
    """Return a number of 0 or more; raises `TypeError` for anything else."""
    if type(value) is not int or value < 0:
        raise TypeError(f"{value!r:.100} is not a number from 0 on")
    return value
