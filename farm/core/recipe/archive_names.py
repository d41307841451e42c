"""Archives among sources, by their file names: which a build can unpack, and how."""

from __future__ import annotations

TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".tar.zst", ".tar.lz")
"""What `tar` in the container unpacks."""
CONVERTED_SUFFIXES = (".zip", ".7z")
"""What the worker turns into a tar archive before the container starts."""
UNPACKED_SUFFIXES = TAR_SUFFIXES + CONVERTED_SUFFIXES
OTHER_SUFFIXES = (
    *(".rar", ".cpio", ".rpm", ".cab", ".iso", ".arj", ".lha", ".lzh", ".dmg", ".xar"),
    *(".tar.z", ".tar.lzma", ".tlz", ".tar.lzo", ".tar.lrz", ".tar.br"),
)
"""Archives that no build can unpack, in lower case."""


def unpacked_file(file: str) -> str:
    """Return the name below `/sources` of what is unpacked: `x.tar` for `x.zip`, the file itself for a tar archive."""
    for suffix in CONVERTED_SUFFIXES:
        if file.endswith(suffix):
            return f"{file.removesuffix(suffix)}.tar"
    return file
