"""What can start a late-bound run on this host: a Docker Engine, or bubblewrap; and what they can grant to a set."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from farm.client.run.bubblewrap import BubblewrapError, check_bubblewrap, run_bubblewrap
from farm.container.kernel import this_kernel
from farm.core.sets.needs.host import unmet_by
from farm.errors import FarmError

if TYPE_CHECKING:
    from farm.client.run.late_binding import LateBoundRun, RunOptions
    from farm.core.names.declared import HostNeeds
    from farm.core.sets.needs.host import Kernel

DOCKER, BUBBLEWRAP = "docker", "bubblewrap"
# A user namespace grants these over what belongs to it; the clock, modules, devices and the log do not.
_IN_A_NAMESPACE = frozenset(
    (
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_IPC_OWNER",
        "CAP_KILL", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE",
    )
)  # fmt: skip
_IN_A_NETWORK = frozenset({"CAP_NET_ADMIN", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_RAW"})


class RunEngine(Protocol):
    """What starts a run."""

    name: str

    def kernel(self) -> Kernel:
        """Return the kernel that the run uses."""

    def grantable(self, options: RunOptions) -> tuple[frozenset[str], str]:
        """Return the capabilities that a run with these options can really have, and how to get others."""

    def start(self, run: LateBoundRun) -> int:
        """Run it to its end; return its exit status."""

    def again(self, run: LateBoundRun) -> dict[str, object] | None:
        """Return as JSON values what `farm.client.run.prepared_run` needs to start it; None where it cannot."""


class BubblewrapEngine:
    """Bubblewrap, for users that may create user namespaces."""

    name = BUBBLEWRAP

    def __init__(self, unless: str = "") -> None:
        """`unless` is the socket of the Docker Engine that would have been chosen if it had answered."""
        self._unless = unless

    def kernel(self) -> Kernel:
        """Return this machine's kernel."""
        return this_kernel()

    def grantable(self, options: RunOptions) -> tuple[frozenset[str], str]:
        """Return what a user namespace can grant; it grants nothing over the host's network."""
        if options.network == "host":
            return _IN_A_NAMESPACE, "bubblewrap cannot grant it here: leave --network host out, or add --with docker"
        return _IN_A_NAMESPACE | _IN_A_NETWORK, "bubblewrap cannot grant it: add --with docker"

    def start(self, run: LateBoundRun) -> int:
        """Run it as a child. Raises `BubblewrapError`."""
        sys.stdout.flush()
        return run_bubblewrap(run.packages, run.links, run.options)

    def again(self, run: LateBoundRun) -> dict[str, object] | None:
        """Return what is needed to start it, and the socket of the engine that is used instead if it answers."""
        places = {store: str(path) for store, path in run.packages.items()}
        return {"packages": places, "links": str(run.links), "options": run.options.to_dict(), "unless": self._unless}


def choose_engine(asked: str, docker_address: str) -> RunEngine:
    """Return the requested engine; else Docker where it answers, else bubblewrap.

    Raises `SandboxUnavailableError`, `BubblewrapError`, or `no-engine` where neither is available.
    """
    if asked == BUBBLEWRAP:
        check_bubblewrap()
        return BubblewrapEngine()
    # Docker's SDK takes longer to load than a run without it takes to start.
    from farm.client.run.docker_engine import SandboxUnavailableError, open_docker, socket_of  # noqa: PLC0415

    try:
        return open_docker(docker_address)
    except SandboxUnavailableError as error:
        if asked == DOCKER:
            raise
        try:
            check_bubblewrap()
        except BubblewrapError as other:
            raise FarmError(
                f"nothing here can start a container: {error.message}; and {other.message}",
                remedy=f"Start a Docker Engine, or use bubblewrap, which needs no service and no root. {other.remedy}",
                code="no-engine",
            ) from other
        return BubblewrapEngine(unless=socket_of(docker_address))


@dataclass(frozen=True, slots=True)
class Granted:
    """A run with exactly the privileges that its set declares; `unknown` are kernel options that cannot be checked."""

    options: RunOptions
    unknown: tuple[str, ...]


def grant(options: RunOptions, needs: HostNeeds, engine: RunEngine) -> Granted:
    """Check what a set needs against this host and the engine, and grant it. Raises `host-needs`."""
    unknown: tuple[str, ...] = ()
    if needs.kernel or needs.features:
        unmet = unmet_by(engine.kernel(), needs)
        unknown = unmet.unknown
        if unmet.lacking:
            raise FarmError(
                f"the set needs {', '.join(unmet.lacking)}: this kernel does not have it",
                remedy="Run it on a host that has it.",
                code="host-needs",
            )
    if needs.capabilities:
        grantable, otherwise = engine.grantable(options)
        beyond = [capability for capability in needs.capabilities if capability not in grantable]
        if beyond:
            raise FarmError(
                f"the set needs {', '.join(beyond)}, which this run as {options.user} cannot be granted",
                remedy=f"{otherwise[:1].upper()}{otherwise[1:]}.",
                code="host-needs",
            )
    absent = [device for device in needs.devices if not Path(device).exists()]
    if absent:
        raise FarmError(
            f"the set needs the device {', '.join(absent)}, which this machine does not have",
            remedy="Run it on a machine that has it.",
            code="host-needs",
        )
    return Granted(replace(options, capabilities=needs.capabilities, devices=needs.devices), unknown)
