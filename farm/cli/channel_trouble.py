"""What a channel waits for when its file cannot be followed: verbs that would wait for it say so, and end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from farm.cli.output import Line, say, styled

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


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
