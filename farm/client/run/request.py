"""The options of a run, and what they require of its engine: the command line takes precedence over an image file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from farm.client.findings.policy_in_force import NO_POLICY, PolicyInForce
from farm.client.run.engine import BUBBLEWRAP
from farm.client.run.late_binding import RunOptions
from farm.container.sandbox_spec import NOBODY, Bind
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farm.client.run.user_mounts import OwnMounts
    from farm.core.subscriber.image_file import ImageFile

_OWN_NETWORK = "--publish needs a network of the container's own, "


class RunRequestError(FarmError):
    """The options of a run contradict each other, or one is missing."""

    code = "run-request"
    exit_status = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """A `command` over `packages`, or over those of the image file `file`, which may name the command too.

    An empty `engine` is Docker where one answers at the address `docker`, else bubblewrap. `publish` are ports as
    Docker reads them, `waited` the seconds that this start has already spent on the freshness check. `preview` is the
    number of a preview of the distribution, in place of its newest release. `prepare_as` is the key under which the run
    is prepared for the next time; without one it is not.
    """

    packages: tuple[str, ...] = ()
    file: Path | None = None
    command: tuple[str, ...] = ()
    engine: str = ""
    docker: str = ""
    network: str = "none"
    user: str = ""
    mounts: tuple[Bind, ...] = ()
    publish: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    terminal: bool = False
    offline: bool = False
    channel: str = ""
    preview: int | None = None
    policy: PolicyInForce = NO_POLICY
    waited: float = 0.0
    prepare_as: str = ""

    def names(self, image_file: ImageFile | None) -> tuple[str, ...]:
        """Return the packages that are requested by name."""
        return image_file.names if image_file else self.packages

    def usual_command(self, image_file: ImageFile | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the words that the command begins with, and the words used where the request has none."""
        if image_file is None:
            return (), (_program_of(self.packages[0]),)
        alone = (_program_of(image_file.names[0]),) if len(image_file.names) == 1 and not image_file.entrypoint else ()
        return image_file.entrypoint, image_file.command or alone

    def check_publishing(self, engine: str) -> None:
        """Check that an engine can publish the ports. Raises `RunRequestError`."""
        if not self.publish:
            return
        if engine == BUBBLEWRAP:
            raise RunRequestError(
                "--publish is for Docker: bubblewrap gives a run no network of its own with ports to publish",
                remedy="Add --network host instead, and what runs listens on this host's own ports; or use --with "
                "docker.",
            )
        if self.network == "none":
            raise RunRequestError(f"{_OWN_NETWORK}and this run has none", remedy="Add --network bridge.")
        if self.network == "host" or self.network.startswith("container:"):
            whose = "this host's" if self.network == "host" else "another container's"
            raise RunRequestError(
                f"{_OWN_NETWORK}and this one is {whose}",
                remedy=f"Leave --publish out, or --network {self.network}.",
            )


def run_options(request: RunRequest, image_file: ImageFile | None, own: OwnMounts) -> RunOptions:
    """Return the options of a run.

    Raises `RunRequestError` where there is no command, or a mount hides files of `own`, and `InvalidValueError` for an
    invalid user.
    """
    user = _checked_user(request.user) if request.user else ""
    entrypoint, usual = request.usual_command(image_file)
    options = RunOptions(
        command=(*entrypoint, *(request.command or usual)),
        network=request.network,
        user=user or NOBODY,
        environment=request.environment,
        binds=_binds(own, request.mounts),
        publish=request.publish,
        terminal=request.terminal,
    )
    if image_file is None:
        return options
    if not options.command:
        raise RunRequestError("the image file says neither `run` nor `entrypoint`", remedy="Give a command after `--`.")
    mounted = {bind.target for bind in request.mounts}
    return replace(
        options,
        user=user or image_file.user or NOBODY,
        workdir=image_file.workdir or "/",
        environment=(*image_file.environment, *request.environment),
        labels=image_file.labels,
        hidden=own.hidden,
        volumes=tuple(volume for volume in image_file.volumes if volume not in mounted),
    )


def _checked_user(text: str) -> str:
    from farm.core.subscriber import image_values  # noqa: PLC0415  (loads a YAML reader)

    return image_values.user(text)


def _program_of(package: str) -> str:
    """Return the program that is named like a package, by the package's short or full name."""
    return package.rpartition("/")[2]


def _binds(own: OwnMounts, mounts: Sequence[Bind]) -> tuple[Bind, ...]:
    taken = {target for _, target in own.binds} | {*own.hidden}
    if twice := [mount.target for mount in mounts if mount.target in taken]:
        raise RunRequestError(
            f"--mount names {twice[0]}, where the image file has something", remedy="Mount it elsewhere."
        )
    return (*(Bind(Path(source), target) for source, target in own.binds), *mounts)
