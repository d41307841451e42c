"""Settings for every test: hypothesis without wall-clock deadlines, which a busy machine would break; what is long.

`script/test fast` is content with fewer examples; `script/test` asks for the profile `thorough`.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

_PLAIN = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)

settings.register_profile("quick", _PLAIN, max_examples=40)
settings.register_profile("thorough", _PLAIN, max_examples=100)
settings.load_profile("quick")

_HERE = Path(__file__).parent
_LONG = (
    "database/test_claim_cost.py",
    "foreign",
    "release/test_publishers.py",
    "release/test_scenarios.py",
    "release/test_what_is_published.py",
    "threats",
)
"""Folders and files of tests that need nothing but Python, and more of it than the fast tests have time for."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is long."""
    for item in items:
        if any(item.path.is_relative_to(_HERE / place) for place in _LONG):
            item.add_marker(pytest.mark.long)
