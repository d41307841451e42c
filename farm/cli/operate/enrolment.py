"""Enrols the workers of `farm up`, and makes the administrator's token, in a process with control's user.

Root does not open the database, because control may write to it. The request comes as JSON on standard input, and the
result goes to standard output: `{"token": …}`, or `{"error": …}`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.cli.operate.farm_home import FarmHome
    from farm.cli.operate.farm_users import ServiceStart

_TOKEN_DAYS = 365


def admit(home: FarmHome, start: ServiceStart, keys: Mapping[str, str]) -> None:
    """Enrol workers by name and public key; and make the administrator's token, if there is none."""
    from farm.store.durable_file import replace_file

    sqlite = "" if home.database_url else str(home.sqlite)
    wanted = {"workers": dict(keys), "token": not home.token.exists(), "sqlite": sqlite}
    command = start.command(
        "control", (sys.executable, "-P", "-m", "farm.cli.operate.enrolment", str(home.control_settings))
    )
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "HOME": str(home.run)}
    done = subprocess.run(
        command, env=environment, input=json.dumps(wanted), capture_output=True, text=True, check=False
    )
    answer: dict[str, Any] = json.loads(done.stdout) if done.stdout else {}
    if "error" in answer:
        raise FarmError(answer["error"], remedy=answer["remedy"], code="admission")
    if done.returncode != 0:
        raise FarmError(
            f"the workers could not be enrolled: {done.stderr.strip() or f'status {done.returncode}'}", code="admission"
        )
    if answer["token"]:
        replace_file(home.token, answer["token"].encode() + b"\n", mode=0o600)


def main() -> int:
    """Carry out the request on standard input in the database of the named settings."""
    from sqlalchemy.exc import DBAPIError

    wanted = json.load(sys.stdin)
    try:
        if wanted["sqlite"]:
            _make_sqlite(Path(wanted["sqlite"]))
        token = _enrol(Path(sys.argv[1]), wanted["workers"], with_token=wanted["token"])
    except FarmError as error:
        json.dump({"error": error.message, "remedy": error.remedy}, sys.stdout)
        return error.exit_status
    except DBAPIError as error:
        remedy = "See that it runs, and that its URL is right: farm up --database."
        json.dump({"error": f"the farm's database cannot be used: {error.orig}", "remedy": remedy}, sys.stdout)
        return 1
    json.dump({"token": token}, sys.stdout)
    return 0


def _enrol(path: Path, workers: Mapping[str, str], *, with_token: bool) -> str:
    """Enrol workers; return a new administrator's token, or nothing. Raises what opening the farm does."""
    from farm.build.recipe_directory import read_recipe_directory
    from farm.server.application import FarmSettings, open_application
    from farm.server.identities import access
    from farm.server.tables.states import Role

    settings = FarmSettings.read(path)
    application = open_application(settings, read_recipe_directory(settings.recipes))
    token = ""
    with application.writing() as unit:
        for name, key in workers.items():
            access.enrol(unit, name=name, public_key=key, builds=True, tests=True, by="farm up")
        if with_token:
            token, _ = access.issue_token(unit, name="admin", role=Role.ADMIN, lasts=timedelta(days=_TOKEN_DAYS))
    application.database.close()
    return token


def _make_sqlite(path: Path) -> None:
    """Make the file of a new database, for nobody else but the group of its directory, where that may write there.

    The files that SQLite creates next to it get its mode.
    """
    if not path.exists():
        path.touch(mode=0o600)
        path.chmod(0o600 | path.parent.stat().st_mode & 0o060)


if __name__ == "__main__":
    sys.exit(main())
