"""Makes a root filesystem of exactly the given Debian packages, and normalises it to what a manifest can hold.

It takes verified `.deb` files from a local directory and uses no network. The packages' maintainer scripts run as root
in a chroot: they are Debian's, from a signed index, and pinned by digest.
"""

from __future__ import annotations

import os
import stat
import subprocess
from fnmatch import fnmatchcase
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING

from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from farm.core.recipe.toolchain import LockedDeb

# How a root is made: with another number the same lock gives another root, so it is part of the cache key.
ROOT_FORMAT = 1
# 1980-01-01T00:00:00Z, the time that canonical archives give to everything.
_MTIME_NANOSECONDS = 315532800 * 10**9
# 2024-01-01T00:00:00Z: what maintainer scripts see as the time (password ages, compiled Python).
_SOURCE_DATE_EPOCH = 1704067200
_ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "SOURCE_DATE_EPOCH": str(_SOURCE_DATE_EPOCH),
}
_MAKING_SECONDS = 1800
# Files of the host and of the mirror, and those that only installers read: nothing is installed into a toolchain later.
_ALWAYS_REMOVED = (
    "dev/*",
    "proc/*",
    "sys/*",
    "run/*",
    "tmp/*",
    "root/.*",
    "etc/apt",
    "etc/*-",
    "etc/.pwd.lock",
    "etc/hostname",
    "etc/hosts",
    "etc/resolv.conf",
    "etc/machine-id",
    "var/backups/*",
    "var/cache/*",
    "var/lib/apt",
    "var/lib/dbus",
    "var/lib/dpkg",
    "var/lib/systemd",
    "var/log/*",
)


def make_root(
    debs: Mapping[LockedDeb, Path], root: Path, *, work: Path, excludes: Iterable[str] = (), removes: Iterable[str] = ()
) -> None:
    """Install `debs` (verified files, by package) into `root`, which must not exist yet, and normalise it.

    `excludes` are dpkg's path-exclude patterns, `removes` globs relative to the root. `work` is an empty directory for
    temporary files, on the file system of the packages or with room for copies. The same packages give the same root.
    Raises the error `debian-root-failed`.
    """
    repository = work / "repository"
    _make_repository(debs, repository)
    command = [
        # Its mounts are private, and it dies as a whole: what a killed one leaves can be removed.
        *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--"),
        "mmdebstrap",
        "--quiet",
        "--mode=root",
        "--variant=essential",
        "--format=directory",
        # It fetches only local, verified files; an unprivileged user could not read the private directory.
        '--aptopt=APT::Sandbox::User "root"',
        f"--include={','.join(sorted(deb.name for deb in debs))}",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in excludes),
        "",
        str(root),
        f"deb [trusted=yes] copy:{repository} ./",
    ]
    try:
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            env=_ENVIRONMENT | {"TMPDIR": str(work)},
            umask=0o022,
            timeout=_MAKING_SECONDS,
        )
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        raise _failure(str(error)) from error
    if done.returncode != 0:
        raise _failure(done.stderr)
    normalise_root(root, removes=removes)


def normalise_root(root: Path, *, removes: Iterable[str] = ()) -> None:
    """Reduce a root to what a manifest can hold: files 0644 or 0755, directories 0755, links; owner 0, one fixed time.

    Nodes, sockets and extended attributes go; set-id bits are cleared; hard links become files of their own. `root`
    itself is covered too.
    """
    for pattern in (*_ALWAYS_REMOVED, *removes):
        for path in list(_matching(root, pattern.strip("/").split("/"))):
            _remove(path)
    settle_root(root)


def settle_root(root: Path) -> None:
    """Give everything in `root` the owner, mode and time of a canonical archive; remove what that cannot hold."""
    for directory, directories, files, descriptor in os.fwalk(root, topdown=False, follow_symlinks=False):
        for name in (*directories, *files):
            _normalise_entry(name, descriptor, Path(directory) / name)
        os.fchown(descriptor, 0, 0)
        os.fchmod(descriptor, 0o755)
        _drop_attributes(Path(directory))
        os.utime(descriptor, ns=(_MTIME_NANOSECONDS, _MTIME_NANOSECONDS))


def _normalise_entry(name: str, directory: int, path: Path) -> None:
    status = os.stat(name, dir_fd=directory, follow_symlinks=False)
    if stat.S_ISDIR(status.st_mode):
        return  # the walk is bottom up: it was normalised before
    if stat.S_ISREG(status.st_mode):
        if status.st_nlink > 1:
            copy = path.with_name(f".{path.name}.copy")
            copy.write_bytes(path.read_bytes())
            copy.replace(path)
        os.chown(name, 0, 0, dir_fd=directory, follow_symlinks=False)
        os.chmod(name, 0o755 if status.st_mode & stat.S_IXUSR else 0o644, dir_fd=directory)
        _drop_attributes(path)
    elif stat.S_ISLNK(status.st_mode):
        os.chown(name, 0, 0, dir_fd=directory, follow_symlinks=False)
    else:
        os.unlink(name, dir_fd=directory)
        return
    os.utime(name, ns=(_MTIME_NANOSECONDS, _MTIME_NANOSECONDS), dir_fd=directory, follow_symlinks=False)


def _drop_attributes(path: Path) -> None:
    for attribute in os.listxattr(path, follow_symlinks=False):
        os.removexattr(path, attribute, follow_symlinks=False)


def _matching(directory: Path, parts: Sequence[str]) -> Iterator[Path]:
    """Yield the matches of a glob below `directory`. `Path.glob` would follow links out of the root."""
    with os.scandir(directory) as entries:
        found = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
    if parts[0] == "**":
        yield from _matching(directory, parts[1:])
    for name, is_directory in found:
        if parts[0] == "**":
            if is_directory:
                yield from _matching(directory / name, parts)
        elif fnmatchcase(name, parts[0]):
            if len(parts) == 1:
                yield directory / name
            elif is_directory:
                yield from _matching(directory / name, parts[1:])


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        rmtree(path)
    else:
        path.unlink()


def _make_repository(debs: Mapping[LockedDeb, Path], repository: Path) -> None:
    """Lay out a flat apt repository: the packages under plain names, and their index."""
    repository.mkdir()
    stanzas = []
    for number, (deb, path) in enumerate(sorted(debs.items())):
        name = f"{number:04}.deb"
        try:
            (repository / name).hardlink_to(path)
        except OSError:
            (repository / name).write_bytes(path.read_bytes())
        done = subprocess.run(["dpkg-deb", "--field", str(path)], check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise _failure(done.stderr)
        stanzas.append(f"{done.stdout.strip()}\nFilename: ./{name}\nSize: {deb.size}\nSHA256: {deb.digest.hex}\n")
    (repository / "Packages").write_text("\n".join(stanzas), "utf-8")


def _failure(output: str) -> FarmError:
    return FarmError(
        f"mmdebstrap could not make the toolchain's root: {output.strip()[-2000:]}",
        remedy="See that mmdebstrap is installed, that this runs as root, and that the lock is complete.",
        code="debian-root-failed",
    )
