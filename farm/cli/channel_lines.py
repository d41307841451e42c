"""The state of a channel and of its candidate, in lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from farm.cli.output import Line, say, styled
from farm.core.policy.gate_kind import gate_key

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

_SIGNING_SECONDS = 10.0
"""Signing takes less; after that the signer is probably away."""


def candidate_line(status: dict[str, Any], shown: Collection[str] = ()) -> str:
    """Say in a line how the candidate at a channel's gates stands; empty when there is none.

    What a gate has come to is left out where it is among `shown`: a proof has much to say.
    """
    candidate = status["candidate"]
    if not candidate or candidate["state"] != "open":
        return ""
    gates = [
        f"{gate_key(gate['gate'])} {gate['state']}" + ("" if gate["summary"] in shown else f" ({gate['summary']})")
        for gate in candidate["gates"]
    ]
    return f"candidate {candidate['id']}: {', '.join(gates) or 'at the gates'}"


def passed_gates(status: dict[str, Any]) -> set[str]:
    """Return what the gates say that the candidate has passed."""
    candidate = status["candidate"] or {"gates": ()}
    return {gate["summary"] for gate in candidate["gates"] if gate["state"] == "passed"}


def waiting_line(status: dict[str, Any]) -> str:
    """Say what a channel's packages wait for that goes by itself; empty when they wait for a person, or for nothing."""
    reasons = dict.fromkeys(excuse["reason"] for excuse in status["excuses"] if not excuse["remedy"])
    return f"held back from {status['channel']}: {'; '.join(reasons)}" if reasons else ""


def waits_for_thaw(status: dict[str, Any]) -> str:
    """Return why the channel's candidate, which has passed its gates, waits for as long as the channel is frozen."""
    candidate = status["candidate"]
    if not status["frozen"] or not candidate or candidate["state"] != "open":
        return ""
    said = [gate["summary"] for gate in candidate["gates"] if gate["gate"] == "freeze" and gate["state"] == "pending"]
    return f"candidate {candidate['id']}: {said[0]}" if said else ""


def waits_for_signer(status: dict[str, Any], quiet: float) -> bool:
    """Say whether the channel's candidate has passed all gates and nothing has come of it in `quiet` seconds."""
    candidate = status["candidate"]
    if quiet < _SIGNING_SECONDS or not candidate or candidate["state"] != "open":
        return False
    return bool(candidate["gates"]) and all(gate["state"] == "passed" for gate in candidate["gates"])


def trouble_lines(channel: str, answer: Mapping[str, Any]) -> Iterator[Line]:
    """Yield why a channel does nothing, with places in its file; nothing when it goes on."""
    if answer["trouble"]:
        yield f"{channel} " + styled("waits", fg="red") + " until its file is mended:"
        yield from (f"  {line}" for line in answer["trouble"])


def halted_lines(channel: str, answer: Mapping[str, Any]) -> Iterator[Line]:
    """Yield why a channel can do nothing though its file is in order; nothing when it goes on."""
    if why := answer.get("halted"):
        yield f"{channel} " + styled("stands still", fg="red") + f": {why}"


def unsigned_lines(channel: str, answer: Mapping[str, Any]) -> Iterator[Line]:
    """Yield in which points a channel's file does not count until they are signed; nothing when there are none."""
    lines = answer.get("unsigned", ())
    if lines:
        yield f"{channel} goes on by what is " + styled("signed", fg="yellow") + ", until more is:"
        yield from (f"  {line}" for line in lines)


def say_trouble(channel: str, answer: Mapping[str, Any]) -> bool:
    """Say on standard error why a channel does nothing; return whether there is anything to say."""
    for line in trouble_lines(channel, answer):
        say(line, err=True)
    return bool(answer["trouble"])
