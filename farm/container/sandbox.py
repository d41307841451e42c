"""The sandbox: one command in one hardened container, from creation to removal. The only place that runs containers.

No network, no capabilities, no new privileges, a read-only root, an unprivileged user, the default seccomp profile, own
pid and ipc namespaces, and limits of time, memory, processes and output. It decides nothing about the command.
"""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import docker
import docker.errors
import requests
from docker.constants import DEFAULT_UNIX_SOCKET
from docker.types import LogConfig, Mount, Ulimit

from farm.container.attached_output import AttachedOutput
from farm.container.conversation import AttachedStreams
from farm.container.sandbox_spec import SandboxResult
from farm.container.sandbox_view import (
    FAKETIME_PLACE,
    INIT_PLACE,
    MASKED_PATHS,
    READONLY_PATHS,
    bind_faketime,
    bind_init,
    fixed_files,
)
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from farm.container.conversation import Conversation
    from farm.container.sandbox_spec import Ending, SandboxSpec, Stream

LABEL_WORKER = "farm"

_WATCH_SECONDS = 0.5
_END_SECONDS = 30
_REMOVAL_SECONDS = 1.0
_KILLED = 128 + 9

_ENGINE_FAILURES = (docker.errors.DockerException, requests.exceptions.RequestException, ConnectionError)


class SandboxUnavailableError(FarmError):
    """The Docker Engine cannot be reached, or refuses to make or start the container: not the fault of the command."""

    code = "sandbox-unavailable"

    def __init__(self, doing: str, reason: object) -> None:
        super().__init__(
            f"the Docker Engine failed to {doing}: {reason}",
            remedy="See that `docker info` works, or name another engine with DOCKER_HOST.",
        )


class SandboxLostError(FarmError):
    """The container was removed while it ran, by the janitor of an expired lease or by hand: its result is unknown."""

    code = "sandbox-lost"

    def __init__(self, attempt: str) -> None:
        super().__init__(f"the container of the attempt {attempt} was removed while it ran", remedy="Build again.")


class Sandbox:
    """Runs commands in containers of one constant empty image, with their files in read-only binds.

    `image` is the image's id, `worker` a label of the containers, `runtime` an OCI runtime of the engine (empty: its
    default). For untrusted recipes use gVisor's `runsc`, which the engine must have with the arguments
    `--network=none --platform=systrap`.
    """

    def __init__(self, client: docker.APIClient, image: str, *, worker: str, runtime: str = "") -> None:
        self._client = client
        self.image = image
        self._worker = worker
        self.runtime = runtime

    def check(self) -> None:
        """Raise `SandboxUnavailableError` when the engine does not answer."""
        with _engine("answer"):
            self._client.ping()

    def describe(self) -> dict[str, str]:
        """Return the engine and runtime of the containers, for provenance. Raises `SandboxUnavailableError`."""
        with _engine("tell its version"):
            version = self._client.version()["Version"]
            return {"docker": version, "runtime": self.runtime or self._client.info()["DefaultRuntime"]}

    def run(
        self,
        spec: SandboxSpec,
        *,
        on_output: Callable[[Stream, bytes], None],
        cancelled: Callable[[], bool] = lambda: False,
    ) -> SandboxResult:
        """Run a command to its end and remove the container.

        `on_output` is called with each piece of output as it comes; while it runs, the command waits.
        `cancelled` is called twice a second. Raises `SandboxUnavailableError`, `SandboxLostError`.
        """
        with self._container(spec) as container:
            # Before the start: attaching to a container that has ended hangs forever.
            with _engine("attach to the container"):
                streams = {"stdout": 1, "stderr": 1, "stream": 1, "logs": 0}
                output = AttachedOutput(self._client.attach_socket(container, streams))
            try:
                started = time.monotonic()
                with _engine("start the container"):
                    self._client.start(container)
                ending, log = self._watch(container, spec, output, on_output, cancelled)
            finally:
                output.close()
            seconds = time.monotonic() - started
            exit_code, out_of_memory = self._end(container, spec.attempt.name)
        # Docker reports the kill even if the main process went on and succeeded without its child.
        if ending == "exited" and out_of_memory:
            ending = "memory"
        return SandboxResult(exit_code, ending, seconds, log)

    def converse(
        self, spec: SandboxSpec, conversation: Conversation, *, is_over: Callable[[], bool] = lambda: False
    ) -> int:
        """Run a command that a person talks to, without a limit of time or output; return its exit status.

        It ends with the command, or when `is_over`, which is called twice a second, returns true. Raises
        `SandboxUnavailableError`, `SandboxLostError`.
        """
        with self._container(spec, interactive=True) as container:
            with _engine("attach to the container"):
                # By default, Docker would keep Ctrl-P from the shell.
                streams = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1, "logs": 0, "detachKeys": "ctrl-^,ctrl-_"}
                attached = AttachedStreams(self._client.attach_socket(container, streams))
            try:
                with _engine("start the container"):
                    self._client.start(container)

                def resize(rows: int, columns: int) -> None:
                    with suppress(docker.errors.APIError), _engine("resize the terminal"):
                        self._client.resize(container, rows, columns)  # it may just have ended

                conversation.hold(attached, resize, is_over)
            finally:
                attached.close()
            if not attached.ended:
                with suppress(docker.errors.APIError), _engine("kill the container"):
                    self._client.kill(container)
            return self._end(container, spec.attempt.name)[0]

    @contextmanager
    def _container(self, spec: SandboxSpec, *, interactive: bool = False) -> Iterator[str]:
        settings = self._settings(spec) | ({"stdin_open": True, "tty": spec.terminal} if interactive else {})
        with _engine("create a container"):
            container: str = self._client.create_container(**settings)["Id"]
        try:
            yield container
        finally:
            # If it cannot be removed now, the janitor removes it by its labels.
            with suppress(*_ENGINE_FAILURES):
                self._client.remove_container(container, force=True, v=True)

    def _watch(
        self,
        container: str,
        spec: SandboxSpec,
        output: AttachedOutput,
        on_output: Callable[[Stream, bytes], None],
        cancelled: Callable[[], bool],
    ) -> tuple[Ending, int]:
        ending: Ending = "exited"
        end = time.monotonic() + spec.limits.seconds
        next_question, log = 0.0, 0
        while not output.ended:
            now = time.monotonic()
            for stream, piece in output.pieces(output.wait(min(end - now, _WATCH_SECONDS))):
                passed = piece[: max(spec.limits.log - log, 0)]
                log += len(piece)
                if passed:
                    on_output(stream, passed)
            now = time.monotonic()
            if log > spec.limits.log:
                ending = "log"
            elif now >= end:
                ending = "time"
            elif now >= next_question:
                next_question = now + _WATCH_SECONDS
                ending = "cancelled" if cancelled() else "exited"
            if ending != "exited":
                # The engine does not end a container while a client is attached and does not read: disconnect first.
                output.close()
                with suppress(docker.errors.APIError), _engine("kill the container"):
                    self._client.kill(container)  # it may just have ended, or been removed
                break
        return ending, log

    def _end(self, container: str, attempt: str) -> tuple[int, bool]:
        try:
            self._client.wait(container, timeout=_END_SECONDS)
            state = self._client.inspect_container(container)["State"]
            if state["ExitCode"] == _KILLED and not state["OOMKilled"]:
                # It was killed from inside, or is being removed: then it is gone in a moment.
                time.sleep(_REMOVAL_SECONDS)
                state = self._client.inspect_container(container)["State"]
                if state["Status"] in ("removing", "dead"):
                    raise SandboxLostError(attempt)
        except docker.errors.NotFound as error:
            raise SandboxLostError(attempt) from error
        except _ENGINE_FAILURES as error:
            raise SandboxUnavailableError("end the container", error) from error
        return int(state["ExitCode"]), bool(state["OOMKilled"])

    def _settings(self, spec: SandboxSpec) -> dict[str, Any]:
        binds = (*spec.binds, bind_init(), *fixed_files(spec.attempt / "view"))
        environment = dict(spec.environment)
        if spec.variation.clock_offset:
            binds = (*binds, bind_faketime())
            environment |= {
                "LD_PRELOAD": FAKETIME_PLACE,
                "FAKETIME": f"{spec.variation.clock_offset:+d}",
                "DONT_FAKE_MONOTONIC": "1",
                # Shared memory uses semaphores, on which a program was seen to wait forever.
                "FAKETIME_DISABLE_SHM": "1",
            }
        mounts = [
            Mount(bind.target, str(bind.source), type="bind", read_only=not bind.writable, propagation="rprivate")
            for bind in binds
        ]
        return {
            "image": self.image,
            "command": [INIT_PLACE, "--", *spec.command],
            "user": f"{spec.user}:{spec.user}",
            "working_dir": spec.workdir,
            "hostname": spec.variation.hostname,
            "environment": environment,
            "labels": {LABEL_WORKER: self._worker, **dict(spec.labels)},
            "network_disabled": True,
            # Otherwise the client adds the proxy settings of the caller's ~/.docker/config.json to the environment.
            "use_config_proxy": False,
            "host_config": self._host_config(spec, mounts),
        }

    def _host_config(self, spec: SandboxSpec, mounts: list[Mount]) -> dict[str, Any]:
        limits = spec.limits
        config: dict[str, Any] = self._client.create_host_config(
            network_mode="none",
            read_only=True,
            cap_drop=["ALL"],
            # By name: an engine can be configured to confine nothing by default.
            security_opt=["no-new-privileges", "seccomp=builtin"],
            ipc_mode="private",
            mounts=mounts,
            tmpfs={scratch.target: _tmpfs_options(scratch.size, spec.user, scratch.shared) for scratch in spec.scratch},
            mem_limit=limits.memory,
            memswap_limit=limits.memory,
            pids_limit=limits.processes,
            cpuset_cpus=spec.variation.cpus or None,
            ulimits=[
                Ulimit(name="core", soft=0, hard=0),
                Ulimit(name="nofile", soft=1024, hard=4096),
            ],
            log_config=LogConfig(type=LogConfig.types.NONE),
            runtime=self.runtime or None,
        )
        # The client has no arguments for these.
        return config | {
            "CgroupnsMode": "private",
            "MaskedPaths": list(MASKED_PATHS),
            "ReadonlyPaths": list(READONLY_PATHS),
        }


def connect(base_url: str = "") -> docker.APIClient:
    """Connect to a Docker Engine (empty: the default socket). Raises `SandboxUnavailableError`."""
    with _engine(f"answer at {base_url or DEFAULT_UNIX_SOCKET.replace('http+unix', 'unix')}"):
        return docker.APIClient(base_url=base_url or None, version="auto", timeout=120)


@contextmanager
def _engine(doing: str) -> Iterator[None]:
    try:
        yield
    except _ENGINE_FAILURES as error:
        raise SandboxUnavailableError(doing, getattr(error, "explanation", None) or _innermost(error)) from error


def _innermost(error: BaseException) -> str:
    """Return the system's error, if the libraries have wrapped one; otherwise their own message."""
    cause: BaseException | None = error
    while cause is not None:
        if type(cause).__module__ == "builtins" and isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return str(error)


def _tmpfs_options(size: int, user: int, shared: bool) -> str:  # noqa: FBT001
    mode = "1777" if shared else "0755"
    return f"rw,exec,nosuid,nodev,size={size},uid={user},gid={user},mode={mode}"
