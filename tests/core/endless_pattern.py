"""A pattern whose work doubles with every character of a near miss, for the test of what measures patterns."""

from __future__ import annotations

import re

ENDLESS = re.compile(r"^(?:[:.][\d.]+)*: error")
