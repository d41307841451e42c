"""The forms of names, paths and patterns in recipes. Each check returns its text or raises a `FarmError`."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from farm.core.files.matching import InvalidValueError, Matching
from farm.core.files.problems import nearest, quoted
from farm.core.names.declared import CAPABILITIES
from farm.core.names.digest import Digest
from farm.core.names.package_name import InvalidPackageNameError, PackageName
from farm.core.names.root_places import LINKED
from farm.core.names.version import Version

_REQUIRED = re.compile(r"([^ =<>!~]*+) *+([=<>!~]*+) *+(.*)")
_REVISION = re.compile(r"[1-9][0-9]{0,5}")
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")
_HEX = re.compile(r"[0-9a-f]{64}")
# Variables that the build's environment fixes so that two builds agree; a recipe must not change them.
_RESERVED = frozenset(
    (
        "DESTDIR",
        "HOME",
        "HOSTNAME",
        "JOBS",
        "LANG",
        "LC_ALL",
        "MAKEFLAGS",
        "PATH",
        "PREFIX",
        "PWD",
        "SHELL",
        "SOURCE_DATE_EPOCH",
        "TMPDIR",
        "TZ",
        "USER",
    )
)


_NAME = "Use at most 63 of a-z 0-9 + . and -."

word = Matching(r"[a-z0-9][a-z0-9+.-]{0,62}", "is not a name", _NAME)
"""The name of a toolchain, channel or output."""

file_name = Matching(
    r"[A-Za-z0-9][A-Za-z0-9._+~-]{0,127}",
    "cannot be the name of a file here",
    "Use at most 128 of A-Z a-z 0-9 . _ + ~ and -.",
)
"""The name of a file in `/sources`: one component, safe in a shell and in a path."""

debian_source = Matching(
    r"[a-z0-9][a-z0-9+.-]+(?:=[A-Za-z0-9.+~:-]+)?", "is not a Debian package", "Write it as name or name=version."
)
"""A Debian source package: `name` or `name=version`."""

pypi_release = Matching(
    r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9][A-Za-z0-9.!+_-]*",
    "is not a release on PyPI",
    "Write it as name==version.",
)
"""A release on PyPI: `name==version`."""

kernel_feature = Matching(r"CONFIG_[A-Z0-9_]{1,64}", "is not a kernel option", "Write it as CONFIG_NAME.")
"""The name of a kernel configuration option."""

device = Matching(
    r"/dev(?:/[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}){1,4}", "is not the path of a device", "Write it as /dev/kvm."
)
"""The path of a device."""


def short_name(text: str) -> str:
    """Check a package's name inside its distribution."""
    try:
        # The domain only completes the name; PackageName checks the short part.
        PackageName("dist.example.org", text)
    except InvalidPackageNameError as error:
        raise InvalidValueError(f"{quoted(text)} is not a name", remedy=_NAME) from error
    return text


def needed_name(text: str) -> str:
    """Check the name of a package in a requirement: short, or `domain/name`."""
    if "/" not in text:
        return short_name(text)
    PackageName.parse(text)
    return text


def built_name(text: str) -> str:
    """Check the name of a package in a build-need: short, because imported packages are only for running."""
    _, slash, short = text.rpartition("/")
    if not slash:
        return short_name(text)
    PackageName.parse(text)
    raise InvalidValueError(
        f"{text} is a full name: a package is built only against those of its own distribution, by their short names",
        remedy=f"Write a recipe for it and name {short} here; what has to be there at run time goes into requires.",
    )


def requirement(text: str) -> str:
    """Check a requirement at run time: a name, or `name = version-revision`; returned without spaces.

    Without a revision, any revision of that version satisfies it. `Recipe.required_packages` are only the names.
    """
    found = _REQUIRED.fullmatch(text)
    if found is None or not found[2]:
        return needed_name(text)
    name, sign, exact = needed_name(found[1]), found[2], found[3].rstrip()
    if sign.strip("="):
        raise InvalidValueError(
            f"{quoted(text)} asks for a range of versions, and a recipe can name only one exactly",
            remedy=f"Write {name} alone: what a package needs of libraries is found in its files, symbol by symbol, "
            "and every set is proven to have it. Write = only where no other version will do.",
        )
    if not exact:
        raise InvalidValueError(
            f"{quoted(text)} names no version",
            remedy=f"Write {name} = VERSION-REVISION, or {name} alone where any version will do.",
        )
    if sign != "=":
        raise InvalidValueError(f"{quoted(text)} has {sign} for =", remedy=f"Write {name} = {exact}.")
    version, dash, revision = exact.partition("-")
    Version(version)
    if dash and not _REVISION.fullmatch(revision):
        raise InvalidValueError(
            f"{quoted(revision)} is not a revision",
            remedy=f"Write {name} = {version}-1, or {name} = {version} for any revision; a version has no - itself.",
        )
    return f"{name}={exact}"


def package_path(text: str) -> str:
    """Check a path inside a package, or a pattern of such paths: relative, clean, no `..`."""
    if any(part in ("", ".", "..") for part in text.split("/")) or not text.isprintable():
        raise InvalidValueError(
            f"{quoted(text)} is not a path inside a package",
            remedy="Write it as bin/name or lib/**, without a leading /.",
        )
    return text


def sensitive_path(text: str) -> str:
    """Check the path or glob of declared files: one reason cannot apply to arbitrary files."""
    top, _, rest = package_path(text).partition("/")
    first = rest.partition("/")[0]
    if "**" in text or set(top) & set("*?[") or not first.strip("*"):
        raise InvalidValueError(
            f"{quoted(text)} stands for too much: a reason is given for files that are known",
            remedy="Name the file, or the directory that all of them are in: etc/passwd, lib/x86_64-linux-gnu/gconv/*.",
        )
    return text


def link_path(text: str) -> str:
    """Check the path of an extra link, absolute in the file system; returned without the leading slash."""
    if not text.startswith(("/usr/", "/etc/")):
        raise InvalidValueError(f"{quoted(text)} is not below /usr or /etc", remedy="Write it as /usr/bin/name.")
    top, _, rest = text.removeprefix("/usr/").partition("/")
    if text.startswith("/usr/") and not (top in LINKED and rest):
        raise InvalidValueError(
            f"{quoted(text)} lies where no package has anything",
            remedy=f"Write it as /usr/bin/name; below /usr a link lies in one of {' '.join(LINKED)}.",
        )
    return package_path(text[1:])


def sha256(text: str) -> Digest:
    """Read 64 hexadecimal digits as a digest."""
    if not _HEX.fullmatch(text):
        found = f"has {len(text)} characters" if len(text) != 64 else "holds other characters"
        raise InvalidValueError(
            f"sha256 should be 64 lower-case hexadecimal digits, and {found}", remedy="Take it from sha256sum FILE."
        )
    return Digest.from_hex(text)


_OTHER_TRANSPORTS = ("ftp", "ftps", "sftp", "rsync")
"""What upstreams may offer their files over, and nothing here fetches with."""


def url(text: str) -> str:
    """Check a source's address: http or https, a host, no user or password. The fetcher checks where it leads."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise InvalidValueError(f"{quoted(text)} is not a URL: {error}") from error
    if parts.scheme not in ("https", "http") or not parts.hostname:
        remedy = "Write it as https://HOST/PATH."
        if parts.scheme in _OTHER_TRANSPORTS:
            remedy = f"Farms do not use {parts.scheme}: name an https mirror; `origins` of a source can name others."
        raise InvalidValueError(f"{quoted(text)} is not an http or https URL", remedy=remedy)
    if parts.username is not None or parts.password is not None:
        raise InvalidValueError(
            "a source's URL cannot hold a user name or password", remedy="Name a place that asks for none."
        )
    if not text.isascii() or not text.isprintable() or " " in text:
        raise InvalidValueError(f"{quoted(text)} holds characters that a URL cannot", remedy="Percent-encode them.")
    return text


def variable(text: str) -> str:
    """Check the name of an environment variable that a recipe may set."""
    if not _VARIABLE.fullmatch(text):
        raise InvalidValueError(f"{quoted(text)} cannot name a variable", remedy="Use A-Z, 0-9 and _.")
    if text in _RESERVED or text.startswith("ARG_"):
        raise InvalidValueError(f"{text} is set by the build environment and cannot be changed", remedy="Remove it.")
    return text


def capability(text: str) -> str:
    """Check the name of a capability, in the spelling of capabilities(7)."""
    if text not in CAPABILITIES:
        near = nearest(text, CAPABILITIES)
        remedy = f"Did you mean {near}?" if near else "Write it as capabilities(7) does, as in CAP_NET_RAW."
        raise InvalidValueError(f"{quoted(text)} is not a capability", remedy=remedy)
    return text


def pattern(text: str) -> str:
    """Check a regular expression (Python's)."""
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise InvalidValueError(f"not a regular expression: {error}") from error
    return text
