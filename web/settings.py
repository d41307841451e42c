"""The settings of the web process, besides those of the farm."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from farm.server.application import InvalidSettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Bounds of connections, bodies and event streams, so that no caller can take what all others need.

    - Connections: at most `connections` in all and `connections_each` from one address, or one /64 of IPv6. The head of
      a request must arrive within `head_seconds`. A client that reads nothing of its answer for `stalled_seconds` is
      cut off.
    - Bodies: `stranger_bytes` is the most of one that needs neither token nor signature, `json_bytes` of an ordinary
      one, `document_bytes` of what carries documents of others, `submission_bytes` of submitted recipes, `blob_bytes`
      of a blob, `webhook_bytes` of a forge's webhook: `webhooks` of these may arrive at a time, and none is kept. JSON
      may have `json_values` values, submitted recipes `submission_values`.
      `body_seconds` may be spent waiting for a body, and a second more for each `body_rate` bytes that came. What is
      larger than `memory_bytes` waits on disk until it is whole; all of that together has `spool_bytes`. A body waits
      `turn_seconds` at most until it is handled.
    - Event streams: at most `streams` in all and `streams_each` to one address; `follow_seconds` is how often a
      followed log is read.
    - Watchers: `watchers` requests may wait for changes at once, others are answered at once; `watch_seconds` is how
      often it is looked whether anything has changed, for all of them together.
    """

    connections: int = 512
    connections_each: int = 128
    head_seconds: float = 10.0
    stalled_seconds: float = 60.0
    stranger_bytes: int = 16 << 10
    json_bytes: int = 256 << 10
    document_bytes: int = 4 << 20
    submission_bytes: int = 64 << 20
    webhook_bytes: int = 4 << 20
    webhooks: int = 32
    json_values: int = 20_000
    submission_values: int = 100_000
    blob_bytes: int = 8 << 30
    body_seconds: float = 30.0
    body_rate: int = 64 << 10
    memory_bytes: int = 64 << 10
    spool_bytes: int = 1 << 30
    turn_seconds: float = 30.0
    streams: int = 200
    streams_each: int = 40
    follow_seconds: float = 0.25
    watchers: int = 1000
    watch_seconds: float = 0.5

    @classmethod
    def with_bounds(cls, bounds: Mapping[str, float]) -> WebSettings:
        """Return the default settings with other limits by name. Raises `InvalidSettingsError`."""
        usual = cls()
        kinds: dict[str, Any] = {field.name: type(getattr(usual, field.name)) for field in fields(cls)}
        unknown = sorted(bounds.keys() - kinds.keys())
        if unknown:
            raise InvalidSettingsError(
                f"the web process has no bound {unknown[0][:100]!r}", remedy=f"There are {', '.join(kinds)}."
            )
        for name, value in bounds.items():
            if kinds[name] is int and not float(value).is_integer():
                raise InvalidSettingsError(f"the bound {name!r} of the web process is {value}, and no whole number")
        return replace(usual, **{name: kinds[name](value) for name, value in bounds.items()})
