"""The `farm` command itself, and the one place where errors become messages and an exit status."""

from __future__ import annotations

import errno
import os
import signal
import sys
from typing import Any

import click

from farm import __version__
from farm.cli.groups import Farm, ReaderGoneError
from farm.cli.output import guarded, say
from farm.cli.places import host_directory, state_directory
from farm.cli.rendering import say_error, say_wrong_use
from farm.cli.signals import ending_signals
from farm.errors import FarmError

_FULL = "Free some disk space and run it again; `farm gc` removes unused data. Installed packages keep working."
_NOT_OURS = "Give this user permission, or choose another directory:"
_READ_ONLY = "The file system is mounted read-only: remount it read-write, or choose another directory:"
_REMEDIES = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EACCES: _NOT_OURS,
    errno.EPERM: _NOT_OURS,
    errno.EROFS: _READ_ONLY,
    errno.ENOENT: "Check the path.",
    errno.EEXIST: "Remove what is there, or name another place.",
}


@click.group(cls=Farm, below="", context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="farm %(version)s")
def farm() -> None:
    """Build, prove, publish and use curated sets of packages for containers.

    \b
    Quick start, in a clone of the repository:
      farm build jq
      farm image build jq --tag jq:mine
      docker run --rm --network none jq:mine jq -n '1+1'

    Shell completion: eval "$(farm completion bash)"
    """


def main(arguments: list[str] | None = None, *, waited: float = 0.0) -> None:
    """Run the command; ends the process. 0 done, 1 refused or failed, 2 wrong use, 69 an extra is
    missing, 128 + N ended by signal N.

    `waited` are the seconds for which a start has looked for news already: Click's `obj` for the verb.
    """
    # As after Ctrl-C, so that containers and mounts are removed with the process.
    for number in ending_signals():
        signal.signal(number, _terminate)
    with guarded():
        try:
            status = _status(arguments, waited)
        except Exception:  # noqa: BLE001  # a fault of farm's own, printed whole while all that is written is escaped
            import traceback

            traceback.print_exc()
            status = 1
        sys.exit(status)


def _status(arguments: list[str] | None, waited: float) -> int:
    try:
        result: Any = farm.main(args=arguments, prog_name="farm", standalone_mode=False, obj=waited)
        sys.stdout.flush()
    except FarmError as error:
        say_error(error)
        return error.exit_status
    except click.ClickException as error:
        say_wrong_use(error)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        say("farm: interrupted", err=True)
        return 130
    except (ReaderGoneError, BrokenPipeError):  # the second from the flush above; it is no error
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        say_error(FarmError(f"{where}{error.strerror or error}", remedy=_remedy(error.errno or 0)))
        return 1
    return result if isinstance(result, int) else 0


def _remedy(number: int) -> str:
    remedy = _REMEDIES.get(number, "")
    if remedy in (_NOT_OURS, _READ_ONLY):
        remedy += f" set FARM_STATE (now {state_directory()}) or FARM_HOST (now {host_directory()})."
    return remedy


def _terminate(number: int, _frame: object) -> None:
    # A second one, sent while the first is handled, must not stop the cleanup.
    for signals in ending_signals():
        signal.signal(signals, signal.SIG_IGN)
    sys.exit(128 + number)
