"""What a set needs from its host: whether this host has it, and the least privileges that grant it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from farm.core.sets.needs.host import unmet_by
from farm.errors import FarmError

if TYPE_CHECKING:
    from farm.client.run.engine import RunEngine
    from farm.client.run.late_binding import RunOptions
    from farm.core.names.declared import HostNeeds


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
