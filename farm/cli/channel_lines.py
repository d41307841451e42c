"""The state of a channel and of its candidate, in lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from farm.cli.output import Line, say, styled
from farm.core.policy.gate_kind import gate_key

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

_SIGNING_SECONDS = 10.0
"""Signing takes less; after that, the signer is probably away."""


def candidate_line(status: dict[str, Any], shown: Collection[str] = ()) -> str:
    """Return the open candidate of a channel and its gates in a line; empty when there is none.

    Summaries of gates that are among `shown` are left out: that of a proof is long.
    """
    candidate = status["candidate"]
    if not candidate or candidate["state"] != "open":
        return ""
    gates = [
        f"{gate_key(gate['gate'])} {gate['state']}" + ("" if gate["summary"] in shown else f" ({gate['summary']})")
        for gate in candidate["gates"]
    ]
    return f"candidate {candidate['id']}: {', '.join(gates) or 'pending'}"


def passed_gates(status: dict[str, Any]) -> set[str]:
    """Return the summaries of the gates that the candidate has passed."""
    candidate = status["candidate"] or {"gates": ()}
    return {gate["summary"] for gate in candidate["gates"] if gate["state"] == "passed"}


def waiting_line(status: dict[str, Any]) -> str:
    """Return what packages wait for that needs no person, in a line; empty when there is nothing."""
    reasons = dict.fromkeys(excuse["reason"] for excuse in status["excuses"] if not excuse["remedy"])
    return f"held back from {status['channel']}: {'; '.join(reasons)}" if reasons else ""


def waits_for_thaw(status: dict[str, Any]) -> str:
    """Return the line of a candidate that has passed its gates and waits for the end of a freeze; else empty."""
    candidate = status["candidate"]
    if not status["frozen"] or not candidate or candidate["state"] != "open":
        return ""
    said = [gate["summary"] for gate in candidate["gates"] if gate["gate"] == "freeze" and gate["state"] == "pending"]
    return f"candidate {candidate['id']}: {said[0]}" if said else ""


def waits_for_signer(status: dict[str, Any], quiet: float) -> bool:
    """Return whether the candidate has passed all gates, and was not signed for `quiet` seconds."""
    candidate = status["candidate"]
    if quiet < _SIGNING_SECONDS or not candidate or candidate["state"] != "open":
        return False
    return bool(candidate["gates"]) and all(gate["state"] == "passed" for gate in candidate["gates"])


def trouble_lines(channel: str, answer: Mapping[str, Any]) -> Iterator[Line]:
    """Yield the errors in the file of a channel, which stop it; nothing without errors."""
    if answer["trouble"]:
        yield f"{channel} " + styled("waits", fg="red") + " until the errors in its file are fixed:"
        yield from (f"  {line}" for line in answer["trouble"])


def halted_lines(channel: str, answer: Mapping[str, Any]) -> Iterator[Line]:
    """Yield why a channel cannot go on although its file is correct; nothing if it can."""
    if why := answer.get("halted"):
        yield f"{channel} " + styled("is stopped", fg="red") + f": {why}"


def unsigned_lines(channel: str, answer: Mapping[str, Any]) -> Iterator[Line]:
    """Yield the parts of a channel's file that are not in force until they are signed, if any."""
    lines = answer.get("unsigned", ())
    if lines:
        yield f"{channel} follows the " + styled("signed", fg="yellow") + " policy; not signed yet:"
        yield from (f"  {line}" for line in lines)


def say_trouble(channel: str, answer: Mapping[str, Any]) -> bool:
    """Print the errors in the file of a channel on standard error; return whether there are any."""
    for line in trouble_lines(channel, answer):
        say(line, err=True)
    return bool(answer["trouble"])
