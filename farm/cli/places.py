"""Where farm keeps things, as the environment says; the defaults follow the XDG base directory specification.

Loading this loads nothing else: it is on the way to every start of a container.
"""

from __future__ import annotations

import os


def state_directory() -> str:
    """Return the absolute path of what this user keeps (`FARM_STATE`)."""
    return os.path.join(os.getcwd(), os.environ.get("FARM_STATE") or _home())


def host_directory() -> str:
    """Return the absolute path of what all farms and roots of one user share on a machine (`FARM_HOST`)."""
    return os.path.join(os.getcwd(), os.environ.get("FARM_HOST") or f"{_home()}/host")


def _home() -> str:
    state = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return f"{state}/farm"
