"""Row 1: from start to exit of a command in the farm's sandbox, compared with lighter and heavier ways to run it.

All run the same programs of one copy of the toolchain, which is on the tmpfs. `farm` is timed with everything around an
attempt of one step: its directory, its mounts, the container. The Docker command line runs the same constant image with
the same binds, and none of the hardening.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.container.attempt_directory import AttemptDirectory, AttemptsRoot
from farm.container.empty_image import EmptyImage
from farm.container.environment import mount_links
from farm.container.sandbox import Sandbox, connect
from farm.container.sandbox_spec import Bind, SandboxLimits, SandboxSpec, Scratch
from farm.container.step_driver import write_driver
from farm.core.fileset.forest import Forest
from farm.core.names.platform import Platform
from farm.core.recipe.recipe import Step
from script.benchmarks.measurement import interleave, run
from script.benchmarks.table import Goal, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from script.benchmarks.ground import Ground

NUMBER = 1
TITLE = "start to exit of a command in the sandbox"
STEPS = 10
MB = 1 << 20

_TRUE = ("/usr/bin/true",)
_COMPILE = ("/usr/bin/gcc", "-c", "/sources/hello.c", "-o", "/tmp/hello.o")  # noqa: S108  # in the container
_SOURCE = '#include <stdio.h>\n\nint main(void) {\n    return printf("hello\\n") < 0;\n}\n'
_FLOOR, _BWRAP, _DOCKER = "posix_spawn (floor)", "bwrap --unshare-all", "docker run --rm --network=none"


def measure(ground: Ground, rounds: int) -> Iterator[Table]:
    """Time `true`, a compilation, and ten steps; the short ones in four times the given number of rounds."""
    bench = _Bench.make(ground)
    with bench.attempt("peers-of-the-sandbox") as attempt:
        binds = bench.binds(attempt)
        for title, command in (("`true`", _TRUE), ("`gcc -c` of a small file", _COMPILE)):
            contenders = {
                "farm": lambda command=command: bench.run(command),
                _FLOOR: lambda command=command: bench.spawn(command),
                _BWRAP: lambda command=command: run(_bwrap(binds, command)),
                _DOCKER: lambda command=command: run(_docker(bench.sandbox.image, binds, command)),
            }
            measured = tuple(interleave(contenders, rounds * 4))
            yield Table(f"{NUMBER}. Start to exit of {title}", _FLOOR, measured, (Goal("farm", _DOCKER, 1.0),))
        shared, apart = f"farm, {STEPS} steps in one container", f"docker run, {STEPS} times"
        measured = tuple(
            interleave(
                {
                    shared: lambda: bench.run_steps(STEPS),
                    apart: lambda: _repeat(STEPS, _docker(bench.sandbox.image, binds, _TRUE)),
                },
                rounds,
            )
        )
        yield Table(f"{NUMBER}. {STEPS} steps of `true`", apart, measured, (Goal(shared, apart, 0.3),))


@dataclass(frozen=True)
class _Bench:
    directory: Path
    root: Path
    sandbox: Sandbox

    @classmethod
    def make(cls, ground: Ground) -> _Bench:
        client = connect(ground.settings.docker)
        image = EmptyImage.of(Platform.parse("linux/amd64")).ensure(client)
        root = ground.directory / "root"
        run(["cp", "-a", ground.toolchain.root, root])
        (root / "sources").mkdir()
        (root / "sources" / "hello.c").write_text(_SOURCE)
        return cls(ground.directory, root, Sandbox(client, image, worker="bench"))

    def attempt(self, token: str) -> AttemptDirectory:
        return AttemptDirectory.make(AttemptsRoot.open(self.directory / "attempts", "bench"), token)

    def binds(self, attempt: AttemptDirectory) -> tuple[Bind, ...]:
        links = mount_links(attempt.subdirectory("root"), Forest((), ()), self.root)
        return (*links, Bind(self.root / "sources", "/sources"))

    def run(self, command: Sequence[str]) -> None:
        with self.attempt("one-command") as attempt:
            self._run(attempt, tuple(command), self.binds(attempt))

    def run_steps(self, count: int) -> None:
        steps = [Step(f"step {number}", "true\n", (), ()) for number in range(count)]
        with self.attempt("some-steps") as attempt:
            command, driver = write_driver(attempt.subdirectory("driver"), steps, nonce="bench", workdir="/build")
            self._run(attempt, command, (*self.binds(attempt), driver))

    def _run(self, attempt: AttemptDirectory, command: tuple[str, ...], binds: tuple[Bind, ...]) -> None:
        spec = SandboxSpec(
            command=command,
            binds=binds,
            limits=SandboxLimits(seconds=120, memory=1024 * MB, processes=128, log=MB),
            attempt=attempt.path,
            labels=tuple(attempt.labels.items()),
            environment=(("PATH", "/usr/bin:/usr/sbin"),),
            scratch=(Scratch("/build", 256 * MB), Scratch("/tmp", 256 * MB, shared=True)),  # noqa: S108
            workdir="/build",
        )
        output: list[bytes] = []
        result = self.sandbox.run(spec, on_output=lambda _, piece: output.append(piece))
        if result.exit_code or result.ending != "exited":
            raise RuntimeError(f"{command[0]} in the sandbox: {result}: {b''.join(output)!r}")

    def spawn(self, command: Sequence[str]) -> None:
        # Into the copy of the toolchain, so that it is the same gcc; chroot(1) costs one more exec.
        program = shutil.which("chroot") or "/usr/sbin/chroot"
        child = os.posix_spawn(program, [program, str(self.root), *command], {"PATH": "/usr/bin"})
        if os.waitpid(child, 0)[1]:
            raise RuntimeError(f"{command[0]} failed")


def _repeat(times: int, command: Sequence[str]) -> None:
    for _ in range(times):
        run(command)


def _bwrap(binds: Sequence[Bind], command: Sequence[str]) -> list[str]:
    mounts = [word for bind in binds for word in ("--ro-bind", str(bind.source), bind.target)]
    links = [word for name in ("bin", "lib", "lib64", "sbin") for word in ("--symlink", f"usr/{name}", f"/{name}")]
    rest = ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]  # noqa: S108
    return ["bwrap", "--unshare-all", *mounts, *links, *rest, *command]


def _docker(image: str, binds: Sequence[Bind], command: Sequence[str]) -> list[str]:
    mounts = [f"--volume={bind.source}:{bind.target}:ro" for bind in binds]
    return ["docker", "run", "--rm", "--network=none", "--tmpfs=/tmp", *mounts, image, *command]
