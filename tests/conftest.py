"""Settings for every test: hypothesis without wall-clock deadlines, which a busy machine would exceed; long tests;
databases; and what makes the tests of one process cheaper.

`script/test fast` runs fewer examples; `script/test` selects the profile `thorough`.
"""

from __future__ import annotations

import functools
import gc
import os
import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from httpx._config import DEFAULT_TIMEOUT_CONFIG, create_ssl_context
from hypothesis import HealthCheck, settings

from tests.farms.databases import database, database_kind, database_url, migrated_sqlite, postgres_socket

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import LoadFileScheduling

__all__ = ["database", "database_kind", "database_url", "migrated_sqlite", "postgres_socket"]  # fixtures of all tests

_PLAIN = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)

settings.register_profile("quick", _PLAIN, max_examples=40)
settings.register_profile("thorough", _PLAIN, max_examples=100)
settings.load_profile("quick")

# Five seconds without an answer are no error on a busy machine. httpx has no other place to set this for all clients.
DEFAULT_TIMEOUT_CONFIG.read = DEFAULT_TIMEOUT_CONFIG.connect = 60
# Each client of httpx reads all authorities, which takes as long as a dozen of the requests that it is made for.
httpx._transports.default.create_ssl_context = functools.cache(create_ssl_context)

_HERE = Path(__file__).parent
_LONG = (
    "attack",
    "build/kept/test_kept_builds.py",
    "build/kept/test_source_edits.py",
    "build/sources/archives/test_confined.py",
    "checker",
    "cli/curate/test_advisory.py",
    "cli/curate/test_asking_to_sign.py",
    "cli/curate/test_curating.py",
    "cli/curate/test_signed_orders.py",
    "cli/image/test_image_commands.py",
    "cli/inspect/test_diff.py",
    "cli/inspect/test_knowing.py",
    "cli/inspect/test_policy.py",
    "cli/inspect/test_why_at_farm.py",
    "cli/maintain/test_build_numbers.py",
    "cli/maintain/test_jobs.py",
    "cli/maintain/test_notify.py",
    "cli/maintain/test_submission.py",
    "cli/maintain/test_submit.py",
    "cli/maintain/test_watch.py",
    "cli/operate/test_farm_home.py",
    "cli/operate/test_file_owners.py",
    "cli/operate/test_git.py",
    "cli/operate/test_supervisor.py",
    "cli/run/test_run.py",
    "cli/subscribe/test_subscriptions.py",
    "cli/test_extras.py",
    "cli/test_hostile_answers.py",
    "cli/test_json_results.py",
    "client/audit/test_audit.py",
    "client/audit/test_coverage.py",
    "client/audit/test_trace.py",
    "client/audit/test_verification.py",
    "client/findings/test_formats.py",
    "client/gc/test_collect.py",
    "client/image/test_cosign.py",
    "client/image/test_description.py",
    "client/image/test_images.py",
    "client/image/test_imports.py",
    "client/image/test_overrides.py",
    "client/image/test_push.py",
    "client/image/test_symbols.py",
    "client/mirror/test_mirror.py",
    "client/override/test_overrides.py",
    "client/repository/test_catalogue.py",
    "client/repository/test_choosing.py",
    "client/repository/test_deadline.py",
    "client/repository/test_mirrors.py",
    "client/root/test_install.py",
    "client/root/test_killed_client.py",
    "client/root/test_lock_file.py",
    "client/root/test_roots.py",
    "foreign",
    "formats/test_answers.py",
    "formats/test_made_again.py",
    "oci/test_image.py",
    "script/test_bench.py",
    "script/test_bench_channels.py",
    "script/test_mutation_trial.py",
    "script/test_synthetic_set.py",
    "server/curation/test_curation.py",
    "server/git",
    "server/jobs/test_claim_cost.py",
    "server/jobs/test_code_copies.py",
    "server/jobs/test_dependents.py",
    "server/jobs/test_rebuilds.py",
    "server/jobs/test_signed_results.py",
    "server/jobs/test_state_machine.py",
    "server/jobs/test_troubles.py",
    "server/packages/test_build_numbers.py",
    "server/pipeline/gates/test_advisories.py",
    "server/pipeline/gates/test_approvals.py",
    "server/pipeline/gates/test_reproduced.py",
    "server/pipeline/test_build_excuses.py",
    "server/pipeline/test_channels.py",
    "server/pipeline/test_channel_state.py",
    "server/pipeline/test_departures.py",
    "server/pipeline/test_dependents.py",
    "server/pipeline/test_dropped_rebuilds.py",
    "server/pipeline/test_evidence.py",
    "server/pipeline/test_exact_requirements.py",
    "server/pipeline/test_interfaces.py",
    "server/pipeline/test_lost_blobs.py",
    "server/pipeline/test_newest_tests.py",
    "server/pipeline/test_order_delivery.py",
    "server/pipeline/test_pipeline.py",
    "server/pipeline/test_preview_verdicts.py",
    "server/pipeline/test_publishers.py",
    "server/pipeline/test_rebuilt.py",
    "server/pipeline/test_released_revisions.py",
    "server/pipeline/test_rolled_back.py",
    "server/pipeline/test_scenarios.py",
    "server/pipeline/test_status.py",
    "server/pipeline/test_taking_up.py",
    "server/pipeline/test_testers.py",
    "server/pipeline/test_verdicts.py",
    "server/pipeline/test_what_is_published.py",
    "server/pipeline/test_what_tests_need.py",
    "server/pipeline/test_claims_to_publish.py",
    "server/submissions/test_owners.py",
    "server/submissions/test_previews.py",
    "server/tables/test_kinds.py",
    "server/test_upkeep.py",
    "signing/test_consistency.py",
    "signing/test_ledger.py",
    "threats",
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
    "workers/test_check_bounds.py",
    "workers/test_checker.py",
    "workers/test_lease_keeper.py",
    "workers/test_log_forwarder.py",
)
"""Folders and files of tests that need only Python, but more of it than the fast tests have time for."""
_LONG_PLACES = frozenset(_HERE / place for place in _LONG)


DISTRIBUTION = frozenset(
    f"tests/distribution/test_{name}.py"
    for name in ("curl_image", "distribution", "gates", "interfaces", "live_log", "oracle", "reproducible")
)
"""Files of tests that need the whole distribution, which takes long to make: one process makes it, and first."""


_SHARED_OUT, _PARTS = frozenset({"tests/attack/test_row_27_columns.py"}), 8
"""Files of so many tests, without fixtures of their own, that one process would be busy with them to the end."""

_MEMORY, _NEEDED = Path("/dev/shm"), 6 << 30
"""A file system in memory, and how much of it a run needs: what tests write is flushed to a disk thousands of times."""


_NICE = 9
_NICE_WITH_DISTRIBUTION = 5


def pytest_configure() -> None:
    """Put temporary folders into memory where there is room, as these tests wait for the disk otherwise.

    Nothing is garbage while modules are imported.
    """
    gc.disable()
    if gone := sorted(str(place) for place in _LONG_PLACES if not place.exists()):
        raise pytest.UsageError(f"tests/conftest.py names long tests that are gone: {', '.join(gone)}")
    if _MEMORY.is_dir():
        system = os.statvfs(_MEMORY)
        if system.f_bavail * system.f_frsize >= _NEEDED and not system.f_flag & os.ST_NOEXEC:
            os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not import long tests in a run without them: importing takes a quarter of the time of the fast tests."""
    return True if _is_long(collection_path) and _leaves_long_out(config.option.markexpr) else None


@functools.cache
def _leaves_long_out(expression: str) -> bool:
    """Whether `-m expression` selects no long test, whatever other marks the test has."""
    return re.fullmatch(r"not \([\w ]*\blong\)", expression) is not None and "and" not in expression


@functools.cache
def _is_long(path: Path) -> bool:
    return not _LONG_PLACES.isdisjoint((path, *path.parents))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark long tests; run first what occupies a process longest."""
    for item in items:
        if _is_long(item.path):
            item.add_marker(pytest.mark.long)
    items.sort(key=lambda item: item.path, reverse=True)  # the attacks are last: many, and none is long
    items.sort(key=_place_in_run)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave the processors to containers, then to the tests of the distribution: these are what a run waits for."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        wanted = _NICE_WITH_DISTRIBUTION if item.location[0] in DISTRIBUTION else _NICE
        os.nice(max(0, wanted - os.nice(0)))


def _place_in_run(item: pytest.Item) -> tuple[bool, bool, str]:
    """The tests of the distribution, which change it, keep the order of their files' names."""
    file = item.location[0]
    return file not in DISTRIBUTION, item.path.parent.name != "distribution", file if file in DISTRIBUTION else ""


def pytest_collection_finish() -> None:
    """Look through less garbage: the thousand modules that are loaded now stay, and most garbage has no cycles."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    """With `--dist=loadfile`, keep the tests of the distribution together, and share out those of large files."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling  # noqa: PLC0415  not there for who runs without it

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            if file in DISTRIBUTION:
                return "distribution"
            return f"{file} {zlib.crc32(nodeid.encode()) % _PARTS}" if file in _SHARED_OUT else file

    return Scheduling(config, log)
