"""The paths of a root that farm's packages and the runtime reserve. Values."""

MERGED = ("bin", "lib", "lib64", "sbin")
"""The directories that are links into `/usr`, as in current distributions: what is linked at usr/bin is at /bin too."""

HOMES = ("bin", "sbin", "lib", "libexec", "include", "share")
"""The directories of a package that are linked into `/usr`; its `etc` is linked into `/etc`."""

TAKEN = ("bin", "dev", "etc", "lib", "lib64", "packages", "proc", "sbin", "sys", "usr")
"""Directories that every root has, with links of packages: mounts over or below them would hide those."""

LINKED = ("bin", "include", "lib", "lib32", "lib64", "libexec", "libx32", "sbin", "share")
"""The directories of `/usr` that may contain an extra link of a package: `/usr/local` is the administrator's."""

MOUNT_POINTS = ("build", "dev", "etc", "out", "packages", "proc", "run", "sources", "sys", "tmp", "usr", "var")
"""The directories of the root of every sandbox and every late-bound run; `ROOT_LINKS` are its links."""

ROOT_LINKS = tuple((name, f"usr/{name}") for name in MERGED)


def merged(path: str) -> str:
    """Return where a path of a root really is: `bin/sh` is `usr/bin/sh` in every root."""
    return f"usr/{path}" if path.partition("/")[0] in MERGED else path


def in_root(path: str) -> str:
    """Return where a path of a package is linked in a root; empty if it is not linked there."""
    top = path.partition("/")[0]
    return f"usr/{path}" if top in HOMES else path if top == "etc" else ""
