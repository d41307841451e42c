"""A late-bound run without a Docker Engine, by bubblewrap: it needs user namespaces, but no service and no root.

The process sees what it would see in Docker (`farm.client.run.late_binding`): packages, links, a fresh `/tmp`, its own
`/proc`, a `/dev` of the harmless devices, a read-only root, no network unless requested, no privilege it could gain.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import subprocess
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from farm.client.run.late_binding import ENVIRONMENT, mounts
from farm.container.mounts import MountError, show_privately
from farm.container.sandbox_spec import HOSTNAME
from farm.core.names.root_places import MOUNT_POINTS, ROOT_LINKS
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import FrameType

    from farm.client.run.late_binding import RunOptions
    from farm.container.sandbox_spec import Bind

PROGRAM = "bwrap"
_FAILED = 1
"""The exit status of bubblewrap when it cannot start the command."""
NOT_FOUND, NOT_EXECUTABLE = 127, 126
"""Docker's exit statuses when a command cannot be started; bubblewrap exits with 1, like many programs."""
_PROFILE = Path("/etc/apparmor.d/bwrap-userns-restrict")
_MOST_LINKS = 40
_NETWORKS = ("none", "host")
_HOST_NETWORK_FILES = ("/etc/resolv.conf", "/etc/hosts")
_STAGE = Path("/sys")
"""The directory that is covered, for this process alone: nobody keeps code, states or packages there."""
_USER = re.compile(r"([0-9]{1,10})(?::([0-9]{1,10}))?")
_PASSED_ON = (
    signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH,
)  # fmt: skip


class BubblewrapError(FarmError):
    """Bubblewrap is missing, may not work on this machine, or cannot do what is requested."""

    code = "bubblewrap"


def check_bubblewrap(proc: Path = Path("/proc")) -> None:
    """Check that bubblewrap can run here; raises `BubblewrapError` with a remedy."""
    if shutil.which(PROGRAM) is None:
        raise BubblewrapError(
            "bubblewrap is not installed: there is no program bwrap",
            remedy="Install it, on Debian with `apt-get install bubblewrap`.",
        )
    # Root needs a user namespace too, but not the permission for other users to make one.
    switches = [("sys/user/max_user_namespaces", "0")]
    if os.geteuid() != 0:
        switches.append(("sys/kernel/unprivileged_userns_clone", "0"))
        switches.append(("sys/kernel/apparmor_restrict_unprivileged_userns", "1"))
    for name, off in switches:
        if _read(proc / name) == off and not (name.startswith("sys/kernel/apparmor") and _PROFILE.exists()):
            raise BubblewrapError(
                f"this machine does not allow the user namespaces that bubblewrap needs: /proc/{name} is {off}",
                remedy=f"Ask its administrator to change {name.removeprefix('sys/').replace('/', '.')}, or use Docker.",
            )


def bubblewrap_command(
    packages: Mapping[str, Path],
    links: Path,
    options: RunOptions,
    shown: Mapping[Path, Path] | None = None,
) -> list[str]:
    """Return the `bwrap` command line that starts `options.command` over these packages.

    `shown` maps mount sources to the paths where they can be reached, if those differ. Raises `BubblewrapError`.
    """
    if options.network not in _NETWORKS:
        raise BubblewrapError(
            f"bubblewrap knows the networks {' and '.join(_NETWORKS)}, not {options.network!r:.50}",
            remedy="Choose one of them, or run it with Docker: --with docker.",
        )
    user, group = user_and_group(options.user)
    command = [PROGRAM, "--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session"]
    command += ["--uid", str(user), "--gid", str(group), "--hostname", HOSTNAME, "--cap-drop", "ALL"]
    for capability in options.capabilities:
        command += ["--cap-add", capability]
    command += ["--share-net"] if options.network == "host" else []
    command += _root(options)
    command += _places(mounts(packages, links, options), options.volumes, shown)
    for path in _HOST_NETWORK_FILES if options.network == "host" else ():
        command += ["--ro-bind-try", path, path]
    for path in options.hidden:
        command += ["--tmpfs", path, "--remount-ro", path]
    command += ["--dir", options.workdir, "--remount-ro", "/", "--chdir", options.workdir, "--clearenv"]
    for name, value in dict([*ENVIRONMENT, *options.environment]).items():
        command += ["--setenv", name, value]
    return [*command, "--", *options.command]


def _root(options: RunOptions) -> list[str]:
    """Return the arguments for what the empty image and a runtime provide: mount points, `/proc`, `/dev`, `/tmp`."""
    words = []
    for name in MOUNT_POINTS:
        words += ["--dir", f"/{name}"]
    for name, target in ROOT_LINKS:
        words += ["--symlink", target, f"/{name}"]
    words += ["--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--tmpfs", "/tmp"]  # noqa: S108
    for device in options.devices:
        words += ["--dev-bind", device, device]
    return words


def _places(binds: Sequence[Bind], volumes: Sequence[str], shown: Mapping[Path, Path] | None) -> list[str]:
    """Return the arguments for the mounts: a mount inside another comes after it, so that neither is hidden."""
    words = {path: ["--perms", "1777", "--tmpfs", path] for path in volumes}
    for bind in binds:
        source = shown[bind.source] if shown else bind.source
        words[bind.target] = ["--bind" if bind.writable else "--ro-bind", str(source), bind.target]
    return [word for target in sorted(words) for word in words[target]]


def user_and_group(text: str) -> tuple[int, int]:
    """Return the numbers of `65534:65534`, or of `0`, whose group has the same number. Raises `BubblewrapError`."""
    found = _USER.fullmatch(text.replace("root", "0"))
    if found is None:
        raise BubblewrapError(
            f"bubblewrap knows users by their numbers, not {text!r:.70}", remedy="Write it as --user 1000:1000."
        )
    return int(found[1]), int(found[2] or found[1])


def run_bubblewrap(packages: Mapping[str, Path], links: Path, options: RunOptions) -> int:
    """Run `options.command` over these packages to its end, forwarding signals; return its exit status.

    The status is 128 + N where signal N ended the command, and 127 or 126 where there is no such command. Root becomes
    the requested user first, so that the process has no privilege outside either; any other user stays the same user
    outside. Raises `BubblewrapError`.
    """
    who: dict[str, Any] = {}
    environment = dict([*ENVIRONMENT, *options.environment])
    cannot_start = unstartable(options.command[0], environment, options.workdir, mounts(packages, links, options))
    line = bubblewrap_command(packages, links, options)
    if os.geteuid() == 0:
        user, group = user_and_group(options.user)
        who = {"user": user, "group": group, "extra_groups": []}
        line = bubblewrap_command(packages, links, options, _reachable(packages, links, options))
    reading, writing = os.pipe()
    signals = _PassedOn()
    try:
        line[1:1] = ["--info-fd", str(writing)]
        process = subprocess.Popen(line, pass_fds=[writing], start_new_session=True, **who)
    except OSError as error:
        raise BubblewrapError(
            f"bubblewrap cannot be started: {error.strerror}",
            remedy="Check that bwrap is installed, and that the command line is not too long.",
        ) from error
    finally:
        os.close(writing)
    with os.fdopen(reading, "rb") as info:
        content = info.read()  # ends when everything is set up, or has failed
    signals.go_to(process, _child_in(content))
    status = process.wait()
    if status == _FAILED and cannot_start:
        return cannot_start
    return status if status >= 0 else 128 - status


def _reachable(packages: Mapping[str, Path], links: Path, options: RunOptions) -> Mapping[Path, Path]:
    """Return paths of mount sources for the user that root becomes, who may not reach a cache in root's home."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    try:
        return show_privately(_STAGE, {mount.source for mount in mounts(packages, links, options)})
    except MountError as error:
        raise BubblewrapError(
            f"root may not mount anything here: {error.message}", remedy="Run it as another user than root."
        ) from error


class _PassedOn:
    """The signals to forward to the command, including those that arrive before its process id is known.

    The command may run, and be noticed, before this process has read its id.
    """

    def __init__(self) -> None:
        self._early: list[int] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._init: int | None = None
        for signals in _PASSED_ON:
            if signal.getsignal(signals) is not signal.SIG_IGN:
                signal.signal(signals, self._take)

    def go_to(self, process: subprocess.Popen[bytes], init: int | None) -> None:
        """Forward signals from now on to the child of `init`, the first process of the new namespace."""
        self._process, self._init = process, init
        while self._early:
            self._pass_on(self._early.pop(0))

    def _take(self, number: int, _frame: FrameType | None) -> None:
        if self._process is None:
            self._early.append(number)
        else:
            self._pass_on(number)

    def _pass_on(self, number: int) -> None:
        assert self._process is not None  # noqa: S101  (checked before)
        children = _read(Path(f"/proc/{self._init}/task/{self._init}/children")) if self._init else ""
        running = next(map(int, children.split()), None)
        try:
            if running is not None:
                os.kill(running, number)
            elif number != signal.SIGWINCH:
                self._process.terminate()
        except ProcessLookupError:
            pass  # it has just ended


def _child_in(info: bytes) -> int | None:
    """Return the process id, outside, of the first process of the new pid namespace."""
    try:
        return int(json.loads(info)["child-pid"])
    except (ValueError, KeyError, TypeError):
        return None  # bubblewrap has said what is wrong, and ends


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def unstartable(command: str, environment: Mapping[str, str], workdir: str, mounts: Sequence[Bind]) -> int | None:
    """Return the status for a command that cannot be started; None where it can, or that is unknown.

    In `mounts`, those that cover others come after them.
    """
    if "/" in command:
        places = [str(PurePosixPath(workdir) / command)]
    else:
        places = [f"{folder}/{command}" for folder in environment.get("PATH", "").split(":") if folder]
    found = [path for path in (_on_the_host(place, mounts) for place in places) if path and os.path.lexists(path)]
    if not found:
        return NOT_FOUND
    return None if any(path.is_file() and path.stat().st_mode & 0o111 for path in found) else NOT_EXECUTABLE


def _on_the_host(place: str, mounts: Sequence[Bind]) -> Path | None:
    """Return the host's path for a path inside, with links resolved as inside; None where nothing is mounted."""
    for _ in range(_MOST_LINKS):
        path = _source(place, mounts)
        if path is None or not path.is_symlink():
            return path
        place = os.path.normpath(PurePosixPath(place).parent / path.readlink())
    return None


def _source(place: str, mounts: Iterable[Bind]) -> Path | None:
    inside = PurePosixPath(os.path.normpath(place))
    found = None
    for mount in mounts:
        if inside.is_relative_to(mount.target):
            found = mount.source / inside.relative_to(mount.target)
    return found
