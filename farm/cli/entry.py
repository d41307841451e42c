"""The entry point of the command: starts a prepared run at once, and passes everything else to `farm.cli.main`.

Most of the time of `farm run` is loading code, so nothing is imported here before it is needed.
"""

from __future__ import annotations

import gc
import os
import sys
import time

_GARBAGE_AFTER = 50_000
"""Objects. Nearly all that a command makes as it starts lives to its end: searching that costs a tenth of the time."""


def main() -> None:
    """Run the command; ends the process as `farm.cli.main.main` does."""
    try:
        gc.set_threshold(_GARBAGE_AFTER)
        began = time.monotonic()
        if sys.argv[1:2] == ["run"] and "_FARM_COMPLETE" not in os.environ:
            _run_again()
        waited = time.monotonic() - began
        from farm.cli.main import main as whole
    except KeyboardInterrupt:
        sys.stderr.write("farm: interrupted\n")
        sys.exit(130)
    whole(waited=waited)


def _run_again() -> None:
    from farm.cli.places import host_directory, state_directory
    from farm.client.run.prepared_run import key_of, start_again, words_of
    from farm.store.ownership import place_open_to_others, weakness_below

    asked, command = words_of(sys.argv[2:])
    try:
        state, shared, key = state_directory(), host_directory(), key_of(asked)
        user, prepared = os.geteuid(), f"{state}/prepared"
        weak = any(
            place_open_to_others(place, user) for place in (prepared, f"{prepared}/{key}.json", f"{shared}/packages")
        )
        if weak or weakness_below(f"{state}/subscriptions", user):
            return  # others could have prepared it: the error is reported where everything is checked
    except OSError:
        return  # the working directory does not exist: reported later
    status = start_again(state, shared, key, command)
    if status is not None:
        sys.exit(status)
