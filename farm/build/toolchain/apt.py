"""A private apt: the machine's signed sources, in a state directory of the farm.

The system's package lists, caches, dpkg status, pins and hooks are neither read nor written: only the sources, their
keys, the credentials and the transport settings of the machine count. Every index is signed; everything is downloaded
by sha256.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from farm.build.toolchain.apt_sources import machine_sources, stanzas
from farm.core.names.digest import Digest
from farm.core.recipe.toolchain import LockedDeb
from farm.errors import FarmError
from farm.store.durable_file import replace_file
from farm.store.locks import locked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from farm.build.toolchain.apt_sources import AptSource

_HELPER = "/usr/lib/apt/apt-helper"
_FRESH_FOR = 12 * 3600.0
_BATCH = 64  # files to one call of apt-helper, far below the limit of a command line
_COMMAND_SECONDS = 900
_SETTING = re.compile(
    r'Acquire::(?:https?(?:::[^ ]+)?|Retries|ForceIPv[46]|Check-Valid-Until|Check-Date|By-Hash) ".*";'
)
_INSTALL = re.compile(r"Inst (\S+) \((\S+) .*\[(\S+)\]\)")
_FAILURE = re.compile(r"^E: Failed to fetch (\S+)\s+(.*)$", re.MULTILINE)
_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")
_CONFIGURATION = """\
Dir::State "{state}/state";
Dir::State::status "{state}/status";
Dir::Cache "{state}/cache";
Dir::Log "{state}/log";
Dir::Etc::main "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "{state}/sources";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Install-Recommends "false";
APT::Install-Suggests "false";
Acquire::Languages "none";
Acquire::GzipIndexes "true";
Acquire::ForceHash "SHA256";
"""


class AptError(FarmError):
    """apt failed; the message holds its output.

    An index without a package is no error: except for an invalid name, apt fails because a mirror cannot be reached.
    """

    code = "apt-failed"

    def __init__(self, what: str, output: str, *, unanswered: bool = True) -> None:
        said = [line for line in output.splitlines() if line.startswith(("E:", "W:"))] or output.splitlines()[-3:]
        super().__init__(
            f"apt could not {what}: {' '.join(said)[:2000]}",
            remedy="See that the machine's signed apt sources can be reached (apt-get update).",
        )
        self.unanswered = unanswered


@dataclass(frozen=True, slots=True)
class PoolFile:
    """A file of a Debian archive: its path below the archive's root, and its digest."""

    path: str
    digest: Digest


@dataclass(frozen=True, slots=True)
class SourcePackage:
    """One version of a source package in a signed index."""

    name: str
    version: str
    directory: str
    files: tuple[PoolFile, ...]


class Apt:
    """apt in its own directory, which processes may share: its commands take turns."""

    def __init__(
        self, state: Path, sources: Sequence[AptSource], settings: Callable[[], Iterable[str]] = tuple
    ) -> None:
        """`settings` returns lines of apt.conf(5). Nothing is run or written before the first command."""
        self.state = Path(state).absolute()
        self.sources = tuple(sources)
        self._offline = False
        self._text = "\n".join(source.stanza() for source in self.sources)
        self._settings = settings

    @classmethod
    def of_machine(cls, state: Path, suite: str) -> Apt:
        """Return a private apt over this machine's signed sources for `suite`; raises `NoSignedSourceError`."""
        return cls(state, machine_sources(Path("/etc/apt"), suite), _settings_of_machine)

    @cached_property
    def _configuration(self) -> str:
        return _CONFIGURATION.format(state=self.state) + "".join(f"{line}\n" for line in self._settings())

    def refresh(self, *, max_age: float = _FRESH_FOR) -> None:
        """Fetch the signed indices unless they are younger than `max_age` seconds; raises `AptError`."""
        with self._turn():
            stamp = self.state / "refreshed"
            with_same_sources = stamp.is_file() and stamp.read_text("utf-8") == self._text
            if with_same_sources and time.time() - stamp.stat().st_mtime < max_age:
                return
            if not with_same_sources:
                stamp.unlink(missing_ok=True)
            self._run("read the package indices", ["apt-get", "update", "--error-on=any"])
            stamp.write_text(self._text, "utf-8")

    def resolve(self, packages: Iterable[str]) -> tuple[LockedDeb, ...]:
        """Return the essential packages, `packages`, and all that they depend on, pinned, sorted by name.

        apt itself is left out although it is essential: nothing is installed into a toolchain later.
        Raises `AptError`.
        """
        self.refresh()
        essential = "?and(?essential,?not(?exact-name(apt)))"
        command = ["apt-get", "-s", "-y", "install", essential, *(_checked_name(name) for name in packages)]
        with self._turn():
            planned = self._run("resolve the toolchain", command)
            names = [f"{name}={version}" for name, version, _ in _INSTALL.findall(planned)]
            shown = self._run("show packages", ["apt-cache", "show", "--no-all-versions", *names])
        debs = {deb.name: deb for deb in map(_locked, stanzas(shown))}
        return tuple(sorted(debs.values()))

    def sources_of(self, name: str) -> tuple[SourcePackage, ...]:
        """Return every version of a source package in the indices.

        Indices that cannot be refreshed are used as they are, since the digests in them do not age.
        """
        try:
            if not self._offline:
                self.refresh()
        except AptError:
            if not (self.state / "refreshed").is_file():
                raise
            self._offline = True
        with self._turn():
            try:
                shown = self._run(f"look up {name}", ["apt-cache", "showsrc", "--only-source", _checked_name(name)])
            except AptError:
                return ()
        return tuple(_source_package(record) for record in stanzas(shown) if record.get("package") == name)

    def download(self, files: Iterable[PoolFile], directory: Path) -> Mapping[PoolFile, tuple[str, ...]]:
        """Fetch files into `directory`, named by their digests' hex; return failed ones with the reason of every
        archive.

        Files that lie there afterwards have their digests: apt checked them, and they are checked again here (apt
        treats two requests for one URI as the same, even with different digests).
        """
        self._write_configuration()
        missing: dict[PoolFile, tuple[str, ...]] = dict.fromkeys(files, ())
        for archive in dict.fromkeys(uri for source in self.sources for uri in source.uris):
            wanted = list(missing)
            for start in range(0, len(wanted), _BATCH):
                batch = wanted[start : start + _BATCH]
                failures = self._download_batch(archive, batch, directory)
                for file in batch:
                    uri = _uri(archive, file)
                    if fault := _fault(directory / file.digest.hex, file):
                        missing[file] += (f"{uri}: {failures.get(uri, fault)}",)
                    else:
                        del missing[file]
            if not missing:
                break
        return missing

    def _download_batch(self, archive: str, batch: Sequence[PoolFile], directory: Path) -> dict[str, str]:
        command = [_HELPER, "-q", "download-file"]
        for file in batch:
            command += [_uri(archive, file), str(directory / file.digest.hex), f"SHA256:{file.digest.hex}"]
        done = self._spawn(command)
        for rest in directory.glob("*.FAILED"):
            rest.unlink()
        return {uri: reason.strip() for uri, reason in _FAILURE.findall(done.stderr)}

    @contextmanager
    def _turn(self) -> Iterator[None]:
        with locked(self.state / "lock"):
            self._write_configuration()
            yield

    def _write_configuration(self) -> None:
        for name in ("state/lists/partial", "cache/archives/partial", "log", "sources"):
            (self.state / name).mkdir(parents=True, exist_ok=True)
        for path, text in (
            (self.state / "status", ""),  # an empty dpkg status: what is installed on this machine does not matter
            (self.state / "sources" / "machine.sources", self._text),
            (self.state / "apt.conf", self._configuration),
        ):
            if not path.is_file() or path.read_text("utf-8") != text:
                replace_file(path, text.encode(), durable=False)

    def _run(self, what: str, command: Sequence[str]) -> str:
        done = self._spawn(command)
        if done.returncode != 0:
            raise AptError(what, done.stderr or done.stdout)
        return done.stdout

    def _spawn(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        proxies = {key: value for key, value in os.environ.items() if key.lower().endswith("_proxy")}
        environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL": "C.UTF-8",
            "APT_CONFIG": str(self.state / "apt.conf"),
            **proxies,
        }
        try:
            return subprocess.run(
                command, check=False, capture_output=True, text=True, env=environment, timeout=_COMMAND_SECONDS
            )
        except subprocess.TimeoutExpired as error:
            raise AptError(f"finish {command[0]}", f"no answer within {_COMMAND_SECONDS} seconds") from error


def _settings_of_machine() -> list[str]:
    dump = subprocess.run(["apt-config", "dump"], check=True, capture_output=True, text=True).stdout
    return [line for line in dump.splitlines() if _SETTING.fullmatch(line)]


def _uri(archive: str, file: PoolFile) -> str:
    return f"{archive}/{quote(file.path, safe='/~')}"


def _fault(path: Path, file: PoolFile) -> str:
    """Return why the file at `path` is not the wanted one, and remove it; empty if it is."""
    try:
        with path.open("rb") as content:
            got = hashlib.file_digest(content, "sha256").hexdigest()
    except FileNotFoundError:
        return "apt did not fetch it"
    if got == file.digest.hex:
        return ""
    path.unlink()
    return f"Hash Sum mismatch: got sha256:{got}"


def _checked_name(name: str) -> str:
    # Names come from recipes: apt must not read one as an option, a pattern or a path.
    if not _NAME.fullmatch(name):
        raise AptError(f"look up {name!r}", "that is not the name of a Debian package", unanswered=False)
    return name


def _locked(record: Mapping[str, str]) -> LockedDeb:
    return LockedDeb(
        record["package"],
        record["version"],
        record["architecture"],
        Digest.from_hex(record["sha256"]),
        int(record["size"]),
        record["filename"],
    )


def _source_package(record: Mapping[str, str]) -> SourcePackage:
    directory = record["directory"]
    rows = (line.split() for line in record.get("checksums-sha256", "").splitlines())
    files = tuple(PoolFile(f"{directory}/{row[2]}", Digest.from_hex(row[0])) for row in rows if len(row) == 3)
    return SourcePackage(record["package"], record["version"], directory, files)
