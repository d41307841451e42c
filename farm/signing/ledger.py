"""The signer's ledger: an append-only file in which each entry names the digest of the one before.

One line is one entry in canonical JSON. Next to it, `ledger.state` has the state after some line, so that a start reads
only the lines after it; it is made again from the entries if it is missing. One process writes (`Ledger`), others that
may read the directory see the same state (`LedgerReader`).
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest
from farm.core.names.utc import utc_text
from farm.errors import FarmError
from farm.signing.entries import FORMAT, Begun, read_entry
from farm.signing.state import LedgerState
from farm.store.durable_file import replace_file, sync_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from typing import BinaryIO

    from farm.signing.entries import Entry

_LOG = logging.getLogger("farm.signer")
FILE = "ledger"
STATE_FILE = "ledger.state"
STATE_FORMAT = 5
STATE_EVERY = 500
"""After how many new entries `ledger.state` is written again."""
BEFORE_THE_FIRST = Digest.of(b"")
_LARGEST_LINE = 1 << 20


class LedgerError(FarmError):
    """The ledger cannot be written or read, or was changed."""

    code = "ledger"


class DamagedLedgerError(LedgerError):
    """The ledger was changed, cut short, or is that of another signer."""

    code = "damaged-ledger"

    def __init__(self, path: Path, where: str, why: str) -> None:
        super().__init__(
            f"the ledger {path} is damaged or was changed: {where} {why}",
            remedy="Nothing is signed meanwhile. Bring the directory back from the newest backup, together with what "
            "was published at that time; docs/operate.md says how under `The signer's ledger`.",
        )


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of a ledger, with its place in the chain, and when it was written."""

    number: int
    at: datetime
    previous: Digest
    entry: Entry

    def to_json(self) -> bytes:
        """Return the line as the file has it, without its end."""
        own = {
            "at": utc_text(self.at, "microseconds"),
            "kind": self.entry.kind,
            "number": self.number,
            "previous": self.previous,
        }
        return canonical_json(own | {"entry": self.entry.to_dict()})

    @classmethod
    def from_json(cls, content: bytes) -> Line:
        """Read a line. Raises `ValueError`, `LookupError`, `TypeError`, `FarmError`."""
        form = json.loads(content)
        entry = read_entry(form["kind"], form["entry"])
        line = cls(form["number"], datetime.fromisoformat(form["at"]), Digest(form["previous"]), entry)
        if line.to_json() != content:
            raise ValueError("it is not in canonical form")
        return line


@dataclass(frozen=True, slots=True)
class LedgerPlace:
    """The position of a reader: after entry `number`, a line from `start` up to `end` with this digest."""

    number: int = 0
    start: int = 0
    end: int = 0
    digest: Digest = BEFORE_THE_FIRST


class LedgerReader:
    """Reads a ledger, each time from where it has stopped. For one thread at a time."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE
        self.state_path = directory / STATE_FILE
        self.torn = False
        """Whether half a line follows after all `lines`: it is being written, or its writer was killed."""
        self._state = LedgerState()
        self._place = LedgerPlace()
        self._kept = 0

    def state(self) -> LedgerState:
        """Return the state after all entries. Raises `LedgerError`."""
        with self._opened() as file:
            self._catch_up(file)
        return self._state

    def lines(self) -> Iterator[Line]:
        """Yield all entries, each checked against the one before, and against the stored state; see `torn` afterwards.

        Raises `DamagedLedgerError`.
        """
        self.torn = False
        with self._opened() as file:
            self._check_kept(file)
            end = 0
            for line, place in self._after(file, LedgerPlace()):
                yield line
                end = place.end
            self.torn = os.fstat(file.fileno()).st_size > end

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        try:
            with self.path.open("rb") as file:
                yield file
        except FileNotFoundError:
            if self._place.number or self.state_path.exists():
                raise DamagedLedgerError(self.path, "the file", "is gone") from None
            with open(os.devnull, "rb") as nothing:  # noqa: PTH123
                yield nothing
        except OSError as error:
            raise LedgerError(f"the ledger {self.path} cannot be read: {error}") from error

    def _catch_up(self, file: BinaryIO) -> None:
        if not self._place.number:
            self._begin(file)
        elif os.fstat(file.fileno()).st_size < self._place.end:
            raise DamagedLedgerError(self.path, f"entry {self._place.number}", "is missing: the file was cut short")
        for line, place in self._after(file, self._place):
            self._state, self._place = self._state.after(line.entry, line.at), place

    def _begin(self, file: BinaryIO) -> None:
        """Start with the stored state, if that is of this file."""
        form, place = self._check_kept(file) or ({}, LedgerPlace())
        if form.get("format") != STATE_FORMAT:
            return
        try:
            state = LedgerState.from_dict(form["state"])
        except (ValueError, LookupError, TypeError, AttributeError, FarmError):
            return  # damaged: all is in the entries
        self._state, self._place, self._kept = state, place, place.number

    def _check_kept(self, file: BinaryIO) -> tuple[Mapping[str, Any], LedgerPlace] | None:
        """Return the stored state, of this format or another; None if there is none that can be read.

        Raises `DamagedLedgerError` if the ledger does not have, or no longer has, the entry that it is from.
        """
        try:
            form = json.loads(self.state_path.read_bytes())
            place = LedgerPlace(form["number"], form["start"], form["end"], Digest(form["digest"]))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise LedgerError(f"{self.state_path} cannot be read: {error}") from error
        except (ValueError, LookupError, TypeError, AttributeError, FarmError):
            return None  # it is made again from the entries
        where = f"entry {place.number}, the last one in {self.state_path.name},"
        if os.fstat(file.fileno()).st_size < place.end:
            raise DamagedLedgerError(self.path, where, "is missing: the file was cut short")
        file.seek(place.start)
        content = file.read(place.end - place.start)
        if Digest.of(content.rstrip(b"\n")) != place.digest or not content.endswith(b"\n"):
            raise DamagedLedgerError(self.path, where, "has changed")
        return form, place

    def _after(self, file: BinaryIO, place: LedgerPlace) -> Iterator[tuple[Line, LedgerPlace]]:
        """Yield the whole lines after a position. Half a line is being written, or its writer was killed."""
        file.seek(place.end)
        while content := file.readline(_LARGEST_LINE):
            if not content.endswith(b"\n"):
                if len(content) == _LARGEST_LINE:
                    raise DamagedLedgerError(self.path, f"entry {place.number + 1}", "is longer than an entry may be")
                return
            text, number = content[:-1], place.number + 1
            try:
                line = Line.from_json(text)
            except (ValueError, LookupError, TypeError, AttributeError, RecursionError, FarmError) as error:
                raise DamagedLedgerError(self.path, f"entry {number}", f"cannot be read: {error!r:.200}") from error
            if (line.number, line.previous) != (number, place.digest):
                raise DamagedLedgerError(self.path, f"entry {number}", "does not follow the previous entry")
            if number == 1 and line.entry != Begun():
                raise DamagedLedgerError(self.path, "the first entry", f"does not begin a ledger of format {FORMAT}")
            place = LedgerPlace(number, place.end, place.end + len(content), Digest.of(text))
            yield line, place


class Ledger(LedgerReader):
    """Writes a ledger, in a directory that nobody else can write to. For several threads."""

    def __init__(self, directory: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Make the directory, and repair what a killed writer has left. Raises `LedgerError`."""
        super().__init__(directory)
        self._clock = clock
        self._turn = threading.RLock()
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = directory.stat()
        if found.st_mode & 0o022 or found.st_uid != os.geteuid():
            raise LedgerError(
                f"others than the signer can write to {directory}, where it keeps its ledger",
                remedy=f"Run `chmod go-w {directory}`, or name a directory of the signer's own with --ledger.",
            )
        if self.path.exists():
            with self._writing():
                self._keep_state()

    def state(self) -> LedgerState:
        """Return the state after all entries. Raises `LedgerError`."""
        with self._turn:
            return super().state()

    def append(self, *entries: Entry) -> None:
        """Add entries, all or none, durably. Raises `LedgerError`."""
        with self._turn, self._writing() as file:
            new = [*([] if self._place.number else [Begun()]), *entries]
            now, place, content = self._clock(), self._place, b""
            for entry in new:
                text = Line(place.number + 1, now, place.digest, entry).to_json()
                if len(text) >= _LARGEST_LINE:
                    raise LedgerError(f"an entry of {len(text)} bytes is longer than any may be")
                place = LedgerPlace(place.number + 1, place.end, place.end + len(text) + 1, Digest.of(text))
                content += text + b"\n"
            self._write(file, content)
            for entry in new:
                self._state = self._state.after(entry, now)
            self._place = place
            self._keep_state()

    @contextmanager
    def _writing(self) -> Iterator[BinaryIO]:
        """Open the file as its only writer, after reading new entries; half a line at its end is removed."""
        new = not self.path.exists()
        if new and (self._place.number or self.state_path.exists()):
            raise DamagedLedgerError(self.path, "the file", "is gone")
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
            with os.fdopen(descriptor, "r+b", buffering=0) as raw:
                fcntl.flock(raw, fcntl.LOCK_EX)
                if new:
                    sync_folder(self.path.parent)
                with self.path.open("rb") as file:
                    self._catch_up(file)
                if os.fstat(raw.fileno()).st_size > self._place.end:
                    raw.truncate(self._place.end)
                raw.seek(self._place.end)
                yield raw
        except OSError as error:
            raise LedgerError(
                f"the ledger {self.path} cannot be written: {error}", remedy="See that there is room; try again."
            ) from error

    def _write(self, file: BinaryIO, content: bytes) -> None:
        try:
            left = memoryview(content)
            while left:
                left = left[file.write(left) :]
            os.fsync(file.fileno())
        except OSError:
            file.truncate(self._place.end)
            raise

    def _keep_state(self) -> None:
        place = self._place
        if place.number - self._kept < STATE_EVERY:
            return
        form: dict[str, Any] = {
            "digest": place.digest,
            "end": place.end,
            "format": STATE_FORMAT,
            "number": place.number,
            "start": place.start,
            "state": self._state.to_dict(),
        }
        try:
            replace_file(self.state_path, canonical_json(form))
        except OSError as error:
            _LOG.error("the state of the ledger cannot be written: %s", error)  # its entries were
            return
        self._kept = place.number
