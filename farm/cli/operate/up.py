"""`farm up`: run a farm on one machine, under one supervisor."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import threading
import urllib.request
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

import click

from farm.cli.operate.farm_home import FarmHome, check_directory, take_directory
from farm.cli.operate.farm_users import ServiceStart, take_users
from farm.cli.operate.supervisor import Program, Supervisor
from farm.cli.output import say
from farm.cli.personal_key import operator_of
from farm.cli.recipes_option import read_tree, recipes_option
from farm.cli.settings import Settings
from farm.cli.signals import ending_signals
from farm.errors import FarmError

if TYPE_CHECKING:
    from pathlib import Path

_PORT = 8460
_FREE_PORTS = 1024
"""From this port on any user may listen: ip(7)."""


@click.command()
@recipes_option
@click.option(
    "--workers", default=2, show_default=True, type=click.IntRange(1, 64), help="The number of build workers."
)
@click.option("--port", default=_PORT, show_default=True, help="The port of the web pages and the API, on 127.0.0.1.")
@click.option("--vary", is_flag=True, help="Vary the host name, clock and processor of builds, which must not matter.")
@click.option(
    "--follow-every",
    "follow",
    default=60,
    show_default=True,
    metavar="SECONDS",
    type=click.IntRange(1, 86_400),
    help="How often to check the distributions that recipes import packages of.",
)
@click.option("--images/--no-images", default=True, show_default=True, help="Serve released packages as images.")
@click.option("--database", default="", help="A PostgreSQL URL.  [default: SQLite in the farm's directory]")
def up(recipes: Path | None, workers: int, port: int, vary: bool, follow: int, images: bool, database: str) -> None:
    """Run a farm on this machine, until Ctrl-C, SIGTERM or SIGHUP.

    Starts web, control, signer, checker, build workers and a private Redis. The directory of the farm is FARM_STATE.
    The first start makes toolchains, keys and database. Needs root, because builds mount.

    \b
    Examples:
      farm up --workers 2
      FARM_TOKEN=$(cat ~/.local/state/farm/keys/admin.token) farm submit recipes/packages/zlib --wait
    """
    from farm.cli.local_builds import prepare_toolchains
    from farm.cli.operate.founding import found

    os.umask(0o022)  # files for other users must be readable; secret ones set their own mode
    settings = Settings.from_environment()
    tree = read_tree(recipes)
    home = FarmHome(
        settings.state,
        settings.host,
        port,
        database,
        settings.docker,
        settings.allowed_networks,
        settings.web_bounds,
        settings.public_url,
        settings.webhook_networks,
    )
    check_directory(home)
    _redis_program()  # before the toolchains, which take long
    take_directory(home)
    _check_port(port)
    users = take_users(home, settings.users)
    made = prepare_toolchains(tree, settings)
    place = recipes or settings.recipes
    operator = operator_of(settings)
    signed = found(
        home, tree, place, made, workers, vary=vary, follow=follow, images=images, users=users, operator=operator
    )
    for line in signed:
        say(line, err=True)
    _run(home, _programs(home, workers, ServiceStart.of(home, users, place)), images=images)


def _run(home: FarmHome, programs: list[Program], *, images: bool) -> None:
    """Start the programs, print how to use the farm, and supervise them until a signal."""
    stop, tell = threading.Event(), partial(say, err=True)
    supervisor = Supervisor(home.root / "log")
    for number in (signal.SIGINT, *ending_signals()):
        signal.signal(number, lambda *_: stop.set())
    try:
        supervisor.start(programs, lambda name: tell(f"  {name} is up"), stop, tell)
        if stop.is_set():
            return
        say(f"farm is up: {home.url}")
        say(f"  token        {home.token}")
        say(f"  subscribe    farm subscribe {home.url}/repository edge --fingerprint {home.fingerprint()}")
        if images:
            say(f"  images       docker pull {home.url.removeprefix('http://')}/edge/PACKAGE")
        say(f"  logs         {home.root / 'log'}")
        sys.stdout.flush()
        supervisor.watch(stop, tell)
    finally:
        say("stopping", err=True)
        supervisor.stop()


def _programs(home: FarmHome, workers: int, start: ServiceStart) -> list[Program]:
    # Each program gets a minimal environment: all that it needs is in its settings file.
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "HOME": str(home.run)}
    # Only the signer needs the library of an HSM.
    token = {name: os.environ[name] for name in ("PYKCS11LIB", "SOFTHSM2_CONF") if name in os.environ}
    for stale in (home.redis, home.signer, home.image_signer, home.checker):
        stale.unlink(missing_ok=True)
    checker = _python(
        "workers.checker", repository=home.public, ledger=home.ledger, record=home.record, socket=home.checker
    )
    signer = _python(
        "workers.signer",
        repository=home.public,
        keys=home.root / "keys" / "online",
        socket=home.signer,
        images_socket=home.image_signer,
        checker=home.checker,
        ledger=home.ledger,
    )
    web = _python("web", settings=home.web_settings, port=home.port)
    low_port = "net_bind_service" if home.port < _FREE_PORTS else ""
    control = _python("workers.control", settings=home.control_settings)
    redis, url = start.command("redis", _redis(home)), f"{home.url}/api/v1/channels"
    return [
        Program("redis", redis, environment, ready=lambda: _accepts(home.redis)),
        Program("checker", start.command("check", checker), environment, ready=lambda: _accepts(home.checker)),
        Program("signer", start.command("signer", signer), environment | token, ready=lambda: _accepts(home.signer)),
        Program("web", start.command("web", web, low_port), environment, ready=lambda: _answers(url)),
        Program("control", start.command("control", control), environment),
        *(
            Program(
                f"worker-{number}",
                _python("workers.build", settings=home.worker(number) / "settings.json"),
                environment,
            )
            for number in range(1, workers + 1)
        ),
    ]


def _python(module: str, **options: object) -> tuple[str, ...]:
    """Return the command line of a program of farm: `_python("web", port=80)` is `python -m web --port 80`."""
    words = ((f"--{name.replace('_', '-')}", str(value)) for name, value in options.items())
    return (sys.executable, "-m", module, *chain.from_iterable(words))


def _redis_program() -> str:
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        raise FarmError(
            "neither redis-server nor valkey-server is installed",
            remedy="Install one, as root: apt-get install redis-server. In a clone, script/bootstrap does so.",
            code="no-redis",
        )
    return program


def _redis(home: FarmHome) -> tuple[str, ...]:
    return (
        _redis_program(),
        *("--port", "0"),
        *("--unixsocket", str(home.redis)),
        *("--unixsocketperm", "770"),  # its directory is open only to the group of control
        # The database is authoritative: messages that Redis forgets are sent again.
        *("--save", ""),
        *("--appendonly", "no"),
        *("--maxmemory", "256mb"),
        *("--maxmemory-policy", "noeviction"),
        *("--dir", str(home.redis.parent)),
    )


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(path))
        except OSError:
            return False
    return True


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310  # our own loopback address
            return bool(answer.status == 200)
    except OSError:
        return False


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise click.ClickException(
                f"port {port} is in use ({error.strerror}); choose another with --port"
            ) from error
