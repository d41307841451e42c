"""What the web process is told at its start, besides the office that it opens."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Bounds of requests.

    `json_bytes` is the most of an ordinary body, `submission_bytes` of submitted recipes, `blob_bytes` of an uploaded
    blob. A body must arrive within `body_seconds`, a blob at `blob_rate` bytes a second after that time.
    `follow_seconds` is how often a followed log is looked at.
    """

    json_bytes: int = 4 << 20
    submission_bytes: int = 64 << 20
    blob_bytes: int = 8 << 30
    body_seconds: float = 30.0
    blob_rate: int = 64 << 10
    follow_seconds: float = 0.25
