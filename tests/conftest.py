"""Settings for every test: hypothesis without wall-clock deadlines, which a busy machine would break; what is long.

`script/test fast` is content with fewer examples; `script/test` asks for the profile `thorough`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from httpx._config import DEFAULT_TIMEOUT_CONFIG
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import LoadFileScheduling

_PLAIN = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)

settings.register_profile("quick", _PLAIN, max_examples=40)
settings.register_profile("thorough", _PLAIN, max_examples=100)
settings.load_profile("quick")

# Five seconds without an answer are no fault on a busy machine. httpx has no other place to say so once for all.
DEFAULT_TIMEOUT_CONFIG.read = DEFAULT_TIMEOUT_CONFIG.connect = 60

_HERE = Path(__file__).parent
_LONG = (
    "attack",
    "cli/test_advisory.py",
    "cli/test_asking_to_sign.py",
    "cli/test_build_numbers.py",
    "cli/test_curating.py",
    "cli/test_farm_home.py",
    "cli/test_handing_over.py",
    "cli/test_hostile_answers.py",
    "cli/test_image_commands.py",
    "cli/test_jobs.py",
    "cli/test_json_results.py",
    "cli/test_knowing.py",
    "cli/test_policy.py",
    "cli/test_run.py",
    "cli/test_signed_orders.py",
    "cli/test_submission.py",
    "cli/test_submit.py",
    "cli/test_subscriptions.py",
    "cli/test_supervisor.py",
    "client/test_audit.py",
    "client/test_audit_formats.py",
    "client/test_catalogue.py",
    "client/test_choosing.py",
    "client/test_coverage.py",
    "client/test_garbage.py",
    "client/test_image_cosign.py",
    "client/test_image_description.py",
    "client/test_image_imports.py",
    "client/test_image_overrides.py",
    "client/test_image_push.py",
    "client/test_image_symbols.py",
    "client/test_images.py",
    "client/test_install.py",
    "client/test_killed_client.py",
    "client/test_lock_file.py",
    "client/test_mirroring.py",
    "client/test_mirrors.py",
    "client/test_overrides.py",
    "client/test_patience.py",
    "client/test_roots.py",
    "client/test_tracing.py",
    "client/test_verification.py",
    "control/test_build_numbers.py",
    "control/test_copies.py",
    "control/test_curation.py",
    "control/test_dependents.py",
    "control/test_owners.py",
    "control/test_rebuilds.py",
    "control/test_signed_results.py",
    "control/test_state_machine.py",
    "control/test_troubles.py",
    "control/test_upkeep.py",
    "countersign",
    "database/test_claim_cost.py",
    "database/test_kinds.py",
    "foreign",
    "formats/test_answers.py",
    "formats/test_made_again.py",
    "oci/test_image.py",
    "release/gates/test_advisories.py",
    "release/gates/test_approvals.py",
    "release/gates/test_reproduced.py",
    "release/test_build_excuses.py",
    "release/test_channel_state.py",
    "release/test_departures.py",
    "release/test_dependents.py",
    "release/test_dropped_rebuilds.py",
    "release/test_evidence.py",
    "release/test_exact_requirements.py",
    "release/test_interfaces.py",
    "release/test_lost_blobs.py",
    "release/test_newest_tests.py",
    "release/test_order_delivery.py",
    "release/test_pipeline.py",
    "release/test_publishers.py",
    "release/test_rebuilt.py",
    "release/test_released_revisions.py",
    "release/test_rolled_back.py",
    "release/test_scenarios.py",
    "release/test_status.py",
    "release/test_taking_up.py",
    "release/test_testers.py",
    "release/test_verdicts.py",
    "release/test_what_is_published.py",
    "release/test_what_tests_need.py",
    "release/test_words_to_publish.py",
    "script/test_bench.py",
    "script/test_bench_channels.py",
    "script/test_mutation_trial.py",
    "threats",
    "threats/test_row_37_omission.py",
    "trust/test_index_tree.py",
    "trust/test_public_keys.py",
    "web/registry/test_attesting.py",
    "web/registry/test_images.py",
    "web/registry/test_protocol.py",
    "web/registry/test_pulling.py",
    "web/test_advisories.py",
    "web/test_build_number_pages.py",
    "web/test_connections.py",
    "web/test_copies.py",
    "web/test_curation_pages.py",
    "web/test_logs.py",
    "web/test_package_advisories.py",
    "web/test_pages.py",
    "web/test_people.py",
    "web/test_rebuild_pages.py",
    "web/test_submissions.py",
    "web/test_worker_protocol.py",
    "workers/test_channels.py",
    "workers/test_checker.py",
    "workers/test_lease_keeper.py",
    "workers/test_log_forwarder.py",
)
"""Folders and files of tests that need nothing but Python, and more of it than the fast tests have time for."""


DISTRIBUTION = frozenset(
    f"tests/farm/test_{name}.py"
    for name in ("curl_image", "distribution", "gates", "interfaces", "live_log", "oracle", "reproducible")
)
"""Files of tests that need the whole distribution, which takes long to make: one process makes it, and first."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is long; put first what keeps a process longest."""
    places = {_HERE / place for place in _LONG}
    files = {item.path for item in items}
    long = {path for path in files if not places.isdisjoint((path, *path.parents))}
    for item in items:
        if item.path in long:
            item.add_marker(pytest.mark.long)
    items.sort(key=lambda item: (item.location[0] not in DISTRIBUTION, item.path.parent.name != "farm"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    """With `--dist=loadfile`, keep the tests of the distribution together, as it keeps those of a file."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling  # noqa: PLC0415  not there for who runs without it

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return "distribution" if file in DISTRIBUTION else file

    return Scheduling(config, log)
