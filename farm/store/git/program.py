"""Runs git on what strangers have written: within limits, and without the settings of anybody but the farm."""

from __future__ import annotations

import os
import subprocess
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_LONGEST_MESSAGE = 500
_READ = 1 << 16
_PROMPTS = "terminal prompts disabled"
_ASKED_FOR = "The server asks for a token, or refuses the one it was sent: farm git set NAME --token-file FILE."
_KILLED = (124, 137, -9)
_CLOSED = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "credential.helper": "",
    "fetch.recurseSubmodules": "false",
    "fetch.unpackLimit": "1",  # always a pack: its size is that of one file, which is limited
    "gc.auto": "0",
    "http.followRedirects": "false",  # this also refuses the alternates that a plain HTTP server names
    "gpg.program": "false",  # no key of a keyring counts here
    "gpg.x509.program": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "60",
    "http.proxy": "",
    "maintenance.auto": "false",
    "pack.threads": "1",
    "protocol.allow": "never",
    "protocol.http.allow": "always",
    "protocol.https.allow": "always",
    "safe.directory": "*",  # the copies are the farm's own, whichever of its users has made them
    "transfer.fsckObjects": "true",
}


class GitError(FarmError):
    """Git has failed, or there is none; the message is what it has printed about it.

    `status` is that with which it ended, if it ended by itself.
    """

    code = "git"

    def __init__(self, message: str, *, remedy: str = "", status: int | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.status = status


@dataclass(frozen=True, slots=True)
class GitLimits:
    """What one call of git may use: time and processor time in seconds; bytes of memory, of one file, of its output."""

    seconds: int = 300
    cpu_seconds: int = 300
    memory: int = 4 << 30
    file: int = 2 << 30
    output: int = 64 << 20


def run_closed_git(
    place: Path,
    *arguments: str,
    limits: GitLimits,
    settings: Iterable[tuple[str, str]] = (),
    given: bytes = b"",
) -> bytes:
    """Run git on what strangers have written: within limits, and by no settings but its own and these `settings`.

    `place` is a bare repository, or becomes one. Settings are passed in the environment, where no list of processes
    shows a token. Raises `GitError`.
    """
    bounds = (
        *("timeout", "-s", "KILL", str(limits.seconds)),  # it ends them all, also when this process has ended
        *("prlimit", f"--cpu={limits.cpu_seconds}", f"--as={limits.memory}", f"--fsize={limits.file}", "--core=0"),
    )
    return _output([*bounds, "git", *arguments], place, _closed(settings), given, limits)


def _closed(settings: Iterable[tuple[str, str]]) -> dict[str, str]:
    chosen = [*_CLOSED.items(), *settings]
    numbered = {f"GIT_CONFIG_KEY_{number}": key for number, (key, _) in enumerate(chosen)}
    numbered |= {f"GIT_CONFIG_VALUE_{number}": value for number, (_, value) in enumerate(chosen)}
    return numbered | {
        "GIT_CONFIG_COUNT": str(len(chosen)),
        "GIT_DIR": ".",  # the repository is `place` or none, never one around it
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "HOME": "/nonexistent",
        "LC_ALL": "C",
        "PATH": os.environ.get("PATH", os.defpath),
    }


def _output(command: list[str], place: Path, environment: Mapping[str, str], given: bytes, limits: GitLimits) -> bytes:
    # Files, not pipes: the limit of a file is one of the output too.
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        try:
            done = subprocess.run(
                command, cwd=place, env=dict(environment), input=given, stdout=output, stderr=errors, check=False
            )
        except FileNotFoundError as error:
            raise GitError(
                f"{command[0]} is not installed, or there is no directory {place}",
                remedy="Install git, coreutils and util-linux.",
            ) from error
        size = output.seek(0, os.SEEK_END)
        output.seek(0)
        errors.seek(0)
        if done.returncode in _KILLED:
            raise GitError(f"git was ended: it was not done after {limits.seconds} s")
        if size > limits.output:
            raise GitError(f"git has printed {size:,} bytes, more than {limits.output:,}")
        if done.returncode != 0:
            said = _said(errors.read(_READ)) or f"git ended with status {done.returncode}"
            raise GitError(said, remedy=_ASKED_FOR if _PROMPTS in said else "", status=done.returncode)
        return output.read()


def _said(stderr: bytes) -> str:
    """Return the first line in which git says what is wrong, or its last line."""
    lines = [line.strip() for line in stderr.decode(errors="replace").splitlines() if line.strip()]
    wrong = [line for line in lines if line.startswith(("fatal: ", "error: "))]
    text = next(iter(wrong or lines[-1:]), "")
    return text.removeprefix("fatal: ").removeprefix("error: ")[:_LONGEST_MESSAGE]
