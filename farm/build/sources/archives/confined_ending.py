"""How the process that reads one archive ends, for it and for who waits for it."""

from __future__ import annotations

REFUSED, FAILED = 3, 4
"""Its exit status where standard error is a refusal in JSON, or the number of an error of the system."""
MOST_SAID = 64 << 10
"""The bytes that are read of standard error."""
