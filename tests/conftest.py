"""Settings for every test: hypothesis without wall-clock deadlines, which a busy machine would break.

`script/test fast` is content with fewer examples; `script/test` asks for the profile `thorough`.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

_PLAIN = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)

settings.register_profile("quick", _PLAIN, max_examples=40)
settings.register_profile("thorough", _PLAIN, max_examples=100)
settings.load_profile("quick")
