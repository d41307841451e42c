"""The machine's own signed apt sources, read from its files (sources.list(5), both formats).

It decides from which repositories a toolchain may be made. It reads files and runs nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_ONE_LINE = re.compile(r"(deb|deb-src)\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)((?:\s+\S+)*)\s*")
_FIELD = re.compile(r"([A-Za-z0-9-]+):[ \t]*(.*)")
_NO = frozenset({"no", "false", "without", "off", "disable", "0"})
# Options that make apt accept unsigned files. `no` and an absent option mean: check the signature.
_UNSAFE = ("trusted", "allow-insecure", "allow-weak", "allow-downgrade-to-insecure")


class NoSignedSourceError(FarmError):
    """The machine has no signed apt source for the suite."""

    code = "no-signed-apt-source"

    def __init__(self, suite: str, etc: Path) -> None:
        super().__init__(
            f"{etc} has no signed deb source for the suite {suite} (unsigned and file: sources do not count)",
            remedy=f"Add a deb source for {suite}, signed by the Debian archive's key, to {etc}/sources.list.d.",
        )


@dataclass(frozen=True, slots=True)
class AptSource:
    """One repository whose signature apt checks. `signed_by` is the path of a keyring, an armoured key, or empty, for
    apt's own trusted keys.
    """

    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str = ""

    def stanza(self) -> str:
        """Return the source in deb822 form, for binary and source packages."""
        lines = [
            "Types: deb deb-src",
            f"URIs: {' '.join(self.uris)}",
            f"Suites: {' '.join(self.suites)}",
            f"Components: {' '.join(self.components)}",
        ]
        if self.signed_by:
            lines.append(f"Signed-By: {self.signed_by}")
        return "\n".join(lines) + "\n"


def machine_sources(etc: Path, suite: str) -> tuple[AptSource, ...]:
    """Return the signed HTTP sources of the machine (`etc` is its `/etc/apt`) for a suite, its updates and its
    security updates. Raises `NoSignedSourceError`.
    """
    wanted = {suite, f"{suite}-updates", f"{suite}-security"}
    found = tuple(
        replace(source, suites=suites)
        for source in _signed(etc)
        if (suites := tuple(name for name in source.suites if name in wanted))
    )
    if not found:
        raise NoSignedSourceError(suite, etc)
    return found


def _signed(etc: Path) -> Iterator[AptSource]:
    parts = etc / "sources.list.d"
    lists = [etc / "sources.list", *sorted(parts.glob("*.list"))]
    for path in sorted(parts.glob("*.sources")):
        for fields in stanzas(path.read_text("utf-8", "replace")):
            yield from _source(fields)
    for path in lists:
        if path.is_file():
            for fields in _one_liners(path.read_text("utf-8", "replace")):
                yield from _source(fields)


def _source(fields: Mapping[str, str]) -> Iterator[AptSource]:
    if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").lower() in _NO:
        return
    if any(fields.get(option, "no").lower() not in _NO for option in _UNSAFE):
        return
    uris = tuple(uri.rstrip("/") for uri in fields.get("uris", "").split() if uri.startswith(("http://", "https://")))
    suites = tuple(fields.get("suites", "").split())
    components = tuple(fields.get("components", "").split())
    if uris and suites and components:
        yield AptSource(uris, suites, components, fields.get("signed-by", ""))


def stanzas(text: str) -> Iterator[dict[str, str]]:
    """Read the stanzas of deb822(5): fields, in lower case, with their values and continuation lines."""
    fields: dict[str, str] = {}
    last = ""
    for line in [*text.splitlines(), ""]:
        if line.startswith("#"):
            continue
        if not line.strip():
            if fields:
                yield fields
            fields, last = {}, ""
        elif line[0] in " \t" and last:
            fields[last] += "\n" + line
        elif match := _FIELD.fullmatch(line):
            last = match[1].lower()
            fields[last] = match[2].strip()


def _one_liners(text: str) -> Iterator[dict[str, str]]:
    for line in text.splitlines():
        match = _ONE_LINE.fullmatch(line.split("#", 1)[0].strip())
        if match:
            kind, options, uri, suite, components = match.groups()
            pairs = (word.partition("=") for word in (options or "").split())
            yield {
                **{key.lower(): value for key, equals, value in pairs if equals},
                "types": kind,
                "uris": uri,
                "suites": suite,
                "components": components,
            }
