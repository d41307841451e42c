"""Whether a worker can work: its engine answers and sees its mounts, and its disks can be written.

Also the kind of trouble that an error is, by its type and by the system's error number.
"""

from __future__ import annotations

import errno
import secrets
import shutil
from typing import TYPE_CHECKING

from farm.api.errors import FarmUnreachableError, RefusedRequestError
from farm.build.sources.fetch import SourceUnreachableError
from farm.container.attempt_directory import AttemptDirectory
from farm.container.environment import OutputVolume
from farm.container.sandbox import SandboxLostError, SandboxUnavailableError
from farm.container.sandbox_spec import BUILD_USER, Bind, SandboxLimits, SandboxSpec
from farm.container.sandbox_view import bind_init
from farm.core.plan.trouble import Trouble
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.build.attempt.workshop import Workshop

_DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})
_MB = 1 << 20


def check_mounts(workshop: Workshop) -> None:
    """Start a program from a mount that this process has just made: without that, every build would fail.

    Raises `FarmError` (`mounts-not-seen`), and `SandboxUnavailableError` where the engine cannot start anything.
    """
    with AttemptDirectory.make(workshop.attempts, f"check-{secrets.token_hex(8)}") as attempt:
        volume = OutputVolume.mount(attempt.subdirectory("out"), limit_mb=8, owner=BUILD_USER)
        program = volume.path / "program"
        shutil.copyfile(bind_init().source, program)
        program.chmod(0o755)
        spec = SandboxSpec(
            command=("/check/program", "--version"),
            binds=(Bind(volume.path, "/check"),),
            limits=SandboxLimits(seconds=60, memory=256 * _MB, processes=128, log=_MB),
            attempt=attempt.path,
            labels=tuple(attempt.labels.items()),
        )
        output = bytearray()
        result = workshop.sandbox.run(spec, on_output=lambda _, piece: output.extend(piece))
        if result.exit_code or result.ending != "exited":
            lines = output.decode("utf-8", "replace").strip().splitlines()
            last = f": {lines[-1]}" if lines else ""
            raise FarmError(
                f"the Docker Engine does not see what this worker mounts below {workshop.attempts.path}{last}",
                remedy="Run the worker on the engine's own machine and in its mount namespace: not under "
                "`ip netns exec`, `unshare --mount` or a service with PrivateMounts or PrivateTmp "
                "(`nsenter --target $(pidof dockerd) --mount` enters it), and name the engine of this machine.",
                code="mounts-not-seen",
            )


def trouble_of(error: Exception) -> Trouble:
    """Return the kind of trouble that ended an attempt; NONE if the recipe is to blame."""
    if isinstance(error, SourceUnreachableError):
        return Trouble.ORIGIN if error.unanswered else Trouble.NONE
    for cause in _causes(error):
        if isinstance(cause, OSError) and cause.errno in _DISK_ERRORS:
            return Trouble.DISK
        if isinstance(cause, FarmUnreachableError | RefusedRequestError):
            return Trouble.STORE
        if isinstance(cause, SandboxUnavailableError | SandboxLostError):
            return Trouble.ENGINE
    return Trouble.WORKER


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__
