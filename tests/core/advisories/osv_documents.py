"""A valid advisory in OSV's format and a valid OpenVEX document, for tests to modify."""

from __future__ import annotations

import json
from typing import Any

DISTRIBUTION = "dist.example.org"
CRITICAL = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"


def osv(*, package: str = "jq", fixed: str = "1.7.1-2", **members: Any) -> bytes:
    """An advisory about one package, fixed in a version; `members` are added, or removed with None."""
    events = [{"introduced": "0"}, {"fixed": fixed}] if fixed else [{"introduced": "0"}]
    document: dict[str, Any] = {
        "schema_version": "1.7.0",
        "id": "EXAMPLE-2026-1",
        "modified": "2024-11-20T10:00:00Z",
        "published": "2024-11-19T10:00:00Z",
        "aliases": ["CVE-2026-1"],
        "summary": "A crafted document overflows the stack",
        "severity": [{"type": "CVSS_V3", "score": CRITICAL}],
        "affected": [
            {
                "package": {"ecosystem": DISTRIBUTION, "name": package},
                "ranges": [{"type": "ECOSYSTEM", "events": events}],
            }
        ],
    }
    document |= members
    return json.dumps({key: value for key, value in document.items() if value is not None}).encode()


def openvex(
    status: str = "not_affected", *, product: str = f"{DISTRIBUTION}/jq", about: str = "EXAMPLE-2026-1", **members: Any
) -> bytes:
    """A document with one statement; `members` are added to the statement, or removed with None."""
    statement: dict[str, Any] = {
        "vulnerability": {"name": about},
        "products": [{"@id": product}],
        "status": status,
        "justification": "vulnerable_code_not_in_execute_path" if status == "not_affected" else None,
    }
    statement |= members
    document = {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": "https://dist.example.org/vex/1",
        "author": "alice",
        "timestamp": "2024-11-21T10:00:00Z",
        "version": 1,
        "statements": [{key: value for key, value in statement.items() if value is not None}],
    }
    return json.dumps(document).encode()
