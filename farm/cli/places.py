"""The directories of farm, by the environment; the defaults follow the XDG base directory specification.

This module imports nothing else: every start of a container loads it.
"""

from __future__ import annotations

import os


def state_directory() -> str:
    """Return the absolute path of the state of this user (`FARM_STATE`)."""
    return os.path.join(os.getcwd(), os.environ.get("FARM_STATE") or _home())


def host_directory() -> str:
    """Return the absolute path of what one user's farms and roots share on a machine (`FARM_HOST`)."""
    return os.path.join(os.getcwd(), os.environ.get("FARM_HOST") or f"{_home()}/host")


def _home() -> str:
    state = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return f"{state}/farm"
