"""The lines about packages that are held back from channels, with the reasons."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from farm.cli.output import Line, joined, styled
from farm.cli.remote import clock
from farm.core.policy.gate_kind import gate_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def excuse_blocks(found: Iterable[dict[str, Any]], indent: str = "") -> Iterator[Line]:
    """Yield the lines about excuses; packages that are held back for the same reason are shown together."""
    same: dict[str, list[dict[str, Any]]] = {}
    for excuse in found:
        key = ("channel", "gate", "reason", "line", "job", "partners", "cleared-by")
        same.setdefault(json.dumps([excuse[name] for name in key]), []).append(excuse)
    for group in same.values():
        yield from (indent + line for line in _block(group))


def _block(group: list[dict[str, Any]]) -> Iterator[Line]:
    first = group[0]
    held = (f"{excuse['package']} {excuse['version']}".strip() or "the whole set" for excuse in group)
    names = joined(", ", (styled(package, bold=True) for package in held))
    since = min(excuse["since"] for excuse in group)
    how = "failing on" if first["gate"] == "released-tests" else "held back from"
    yield names + f": {gate_key(first['gate'])}, {how} {first['channel']} since {clock(since)}"
    for heading, value in _facts(group):
        if value:
            yield f"  {heading:<8} {value}"


def _facts(group: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    first = group[0]
    packages = {excuse["package"] for excuse in group}
    yield "why", first["reason"]
    yield "blocker", ", ".join(sorted({excuse["root"] for excuse in group} - packages))
    yield "breaks", f"only with {', '.join(first['partners'])}" if first["partners"] else ""
    yield "owner", first["owner"]
    yield "log", f"job {first['job']}: {first['line']}".rstrip(": ") if first["job"] else first["line"]
    if first["cleared-at"]:
        yield "cleared", f"{clock(first['cleared-at'])} by {first['cleared-by']}"
        return
    yield "clears", first["remedy"]
    yield "until", clock(first["until"])
    # A job is retried once for all packages that it holds back.
    others = [] if first["retry-job"] else [excuse["package"] for excuse in group[1:]]
    who = f"(needs the role {first['retry-needs']})"
    yield "retry", " ".join([first["retry"], *others, who]) if first["retry"] else ""
