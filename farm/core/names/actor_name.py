"""The names under which the audit trail, submissions and webhooks know who acts: `token:ann`, `worker:w1`."""

from __future__ import annotations

_TOKEN = "token:"  # noqa: S105
_WORKER = "worker:"


def token_actor(name: str) -> str:
    """Return the actor that the holder of the token with this name is."""
    return f"{_TOKEN}{name}"


def worker_actor(name: str) -> str:
    """Return the actor that the worker with this name is."""
    return f"{_WORKER}{name}"


def token_name(actor: str) -> str:
    """Return the name of the token that an actor holds; any other actor as it is."""
    return actor.removeprefix(_TOKEN)
