"""The process that reads one archive: `python -m farm.build.sources.archives.confined_process`, started by `confined`.

Standard input is the archive, standard output what is written. It takes its limits upon itself before it reads a byte,
and gives up the rights of root. Exit status `REFUSED` says that standard error is a refusal in JSON, and `FAILED` that
it is the number of an error of the system.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

from farm.build.sources.archives.confined_ending import FAILED, REFUSED
from farm.build.sources.archives.members import UnreadableArchiveError

if TYPE_CHECKING:
    from collections.abc import Callable

_LONGEST = 2000
"""The characters of a message or remedy; each may take twelve bytes in JSON."""
_PR_SET_PDEATHSIG = 1
_NOBODY = 65534


def main(arguments: list[str]) -> int:
    """Read the archive within the limits, in MiB, seconds, seconds and bytes; return the exit status.

    With a suffix (`.zip`), it is written as tar; with an empty one, it is a tar archive that is only looked at. The
    last argument is the process that waits for this one, which ends with it.
    """
    suffix, memory, processor, wall, most, parent = arguments
    read = _reader(suffix, int(most))
    _confine(int(memory), int(processor), float(wall), int(most))
    _end_with(int(parent))
    try:
        with os.fdopen(0, "rb", closefd=False) as source, os.fdopen(1, "wb", closefd=False) as destination:
            read(source, destination)
    except UnreadableArchiveError as error:
        return _refuse(error.message, error.remedy)
    except MemoryError:
        return _refuse(f"reading it takes more than {memory} MiB of memory", "")
    except OSError as error:
        if error.errno is None:
            raise
        sys.stderr.write(str(error.errno))
        return FAILED
    return 0


def _reader(suffix: str, most_bytes: int) -> Callable[[BinaryIO, BinaryIO], object]:
    """Return what reads the archive. Its code is loaded here: later, without rights, that may be impossible."""
    if suffix:
        from farm.build.sources.archives.as_tar import write_as_tar  # noqa: PLC0415

        return lambda source, destination: write_as_tar(source, suffix, destination, most_bytes=most_bytes)
    from farm.build.sources.archives.flat_tar import check_not_flat  # noqa: PLC0415

    return lambda source, _destination: check_not_flat(source)


def _confine(memory: int, processor: int, wall: float, most_bytes: int) -> None:
    """Limit this process; it cannot undo that."""
    _limit(resource.RLIMIT_AS, memory << 20)
    _limit(resource.RLIMIT_CPU, processor, more=5)  # SIGXCPU comes first, and says why
    _limit(resource.RLIMIT_FSIZE, most_bytes)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, 16)
    signal.setitimer(signal.ITIMER_REAL, wall)  # the default action ends it, even if nobody waits for it any more
    if os.geteuid() == 0:
        with suppress(OSError):  # in a namespace of users, that one may not exist: the limits hold nevertheless
            os.setgroups([])
            os.setresgid(_NOBODY, _NOBODY, _NOBODY)
            os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    _limit(resource.RLIMIT_NPROC, 0)


def _end_with(parent: int) -> None:
    """End this process when the one that waits for it ends, even by SIGKILL.

    To be called after the user was changed, with which the kernel would forget it. What counts is the end of the
    *thread* that has started this process: the one that waits for it.
    """
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:  # it has ended before
        os.kill(os.getpid(), signal.SIGKILL)


def _limit(kind: int, wanted: int, *, more: int = 0) -> None:
    _, most = resource.getrlimit(kind)
    soft, hard = (limit if most == resource.RLIM_INFINITY else min(limit, most) for limit in (wanted, wanted + more))
    resource.setrlimit(kind, (soft, hard))


def _refuse(message: str, remedy: str) -> int:
    sys.stderr.write(json.dumps({"message": message[:_LONGEST], "remedy": remedy[:_LONGEST]}))
    return REFUSED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
