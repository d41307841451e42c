"""The subjects that mutations are drawn from, and the tests that must notice: those of the module's own subpackage."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

SEED = 20261130
"""Another seed draws other mutations. It is committed, so that two people speak of the same ones."""
PER_SUBJECT = 5


@dataclass(frozen=True, slots=True)
class Subject:
    """Something that must not break unnoticed, and the modules that implement it."""

    name: str
    modules: tuple[str, ...]


SUBJECTS = (
    Subject(
        "archive",
        ("farm/core/fileset/archive_header.py", "farm/core/fileset/archive_reader.py"),
    ),
    Subject(
        "proof",
        (
            "farm/core/sets/proof/closure.py",
            "farm/core/sets/linking/linked_file.py",
            "farm/core/sets/proof/prover.py",
            "farm/core/sets/linking/symbols.py",
            "farm/core/sets/linking/scope_symbols.py",
        ),
    ),
    Subject("leases", ("farm/server/jobs/leases.py", "farm/server/jobs/attempts.py")),
    Subject(
        "signer",
        (
            "farm/signing/consistency.py",
            "farm/signing/sign.py",
            "farm/trust/metadata/repository.py",
            "farm/trust/metadata/repository_files.py",
            "workers/signer.py",
        ),
    ),
    Subject(
        "rollback",
        (
            "farm/server/channels/rollbacks.py",
            "farm/server/pipeline/gates/package_gates.py",
            "farm/server/pipeline/gates/standing_gates.py",
        ),
    ),
    Subject("conflicts", ("farm/core/sets/members/claim_index.py", "farm/core/fileset/forest.py")),
    Subject(
        "escaping",
        (
            "farm/core/names/escaping.py",
            "web/pages/log_view.py",
            "web/pages/rendering.py",
            "farm/core/buildlog/terminal_text.py",
        ),
    ),
    Subject(
        "policy",
        (
            "farm/client/findings/policy.py",
            "farm/checker/gates/gates.py",
            "farm/core/subscriber/policy_file.py",
            "farm/core/policy/strictness.py",
        ),
    ),
)

_CHANNELS = tuple(
    f"tests/server/pipeline/{name}"
    for name in ("gates", "test_rolled_back.py", "test_scenarios.py", "test_departures.py", "test_pipeline.py")
)
_PAGES = tuple(f"tests/web/test_{name}.py" for name in ("log_markup", "rendering", "logs", "pages", "log_index"))
TESTS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "farm/core/names/escaping.py": ("tests/cli/test_output.py", "tests/cli/test_hostile_answers.py"),
    "farm/client/findings/policy.py": ("tests/client/findings/test_policy.py", "tests/client/audit/test_coverage.py"),
    "farm/core/sets/members/claim_index.py": ("tests/core/sets",),
    "farm/core/sets/proof/closure.py": ("tests/core/sets/test_closure.py", "tests/core/sets"),
    "farm/core/sets/linking/linked_file.py": ("tests/core/sets/test_proof.py", "tests/core/sets"),
    "farm/core/sets/proof/prover.py": ("tests/core/sets/test_proof.py", "tests/core/sets"),
    "farm/core/sets/linking/symbols.py": ("tests/core/sets/test_proof.py", "tests/core/sets"),
    "farm/core/sets/linking/scope_symbols.py": ("tests/core/sets/test_proof.py", "tests/core/sets"),
    "farm/server/jobs/leases.py": ("tests/server/jobs/test_leases.py", "tests/server/jobs"),
    "farm/checker/builds/builds.py": ("tests/checker/test_builds.py", "tests/checker"),
    "farm/checker/gates/gates.py": ("tests/checker/test_package_gates.py", "tests/checker"),
    "farm/checker/builds/release_check.py": ("tests/checker/test_release_check.py", "tests/checker"),
    "farm/server/jobs/attempts.py": ("tests/server/jobs/test_rows.py", "tests/server/tables"),
    "farm/server/channels/rollbacks.py": ("tests/server/channels/test_rollbacks.py", "tests/server/tables"),
    "farm/core/fileset/archive_header.py": ("tests/core/fileset/test_archive_reader.py", "tests/core/fileset"),
    "farm/core/fileset/archive_reader.py": ("tests/core/fileset/test_archive_reader.py", "tests/core/fileset"),
    "farm/core/fileset/forest.py": ("tests/core/fileset/test_forest.py", "tests/core/fileset"),
    "farm/signing/consistency.py": ("tests/signing/test_consistency.py", "tests/checker"),
    "farm/signing/sign.py": ("tests/workers/test_signer.py", "tests/web/registry/test_attesting.py", "tests/signing"),
    "farm/core/subscriber/policy_file.py": ("tests/core/recipe/test_policy_file.py", "tests/core/recipe"),
    "farm/core/policy/gates/reproduced.py": ("tests/core/recipe/test_strictness.py", "tests/core/recipe"),
    "farm/core/policy/strictness.py": (
        "tests/core/recipe/test_strictness.py",
        "tests/core/recipe/test_bounded.py",
        "tests/core/recipe",
    ),
    "farm/server/pipeline/gates/package_gates.py": _CHANNELS,
    "farm/server/pipeline/gates/standing_gates.py": _CHANNELS,
    "farm/checker/reading/archive_contents.py": ("tests/trust/test_archive_contents.py", "tests/trust"),
    "farm/trust/index/tree.py": ("tests/trust/test_needed.py", "tests/trust"),
    "farm/trust/index/release_index.py": ("tests/trust/test_release_index.py", "tests/trust"),
    "farm/trust/verification/release_package.py": ("tests/trust/test_release_package.py", "tests/trust"),
    "farm/trust/metadata/repository.py": ("tests/trust/test_repository.py", "tests/trust"),
    "farm/trust/metadata/repository_files.py": ("tests/trust/test_repository.py", "tests/trust"),
    "web/pages/log_view.py": _PAGES,
    "web/pages/rendering.py": _PAGES,
    "farm/core/buildlog/terminal_text.py": ("tests/core/buildlog/test_terminal_text.py", *_PAGES),
    "workers/signer.py": ("tests/workers/test_signer.py", "tests/workers"),
})  # fmt: skip
"""The tests of each module's own subpackage, the likeliest first; without those that need an engine or a server."""

LEFT_OUT: Mapping[str, str] = MappingProxyType({
    "leases-cba460fa": "the attempt's row is locked since it was read: nobody can have changed it",
    "proof-02d17595": "it is never sure of the quick answer, and so always looks at the whole scope",
    "leases-1db3d7ab": "it is `lease-at-its-end`, which has a name",
    "rollback-2a253c4f": "an order that was read has a number",
    "rollback-16954a6d": "an order has one kind: that of the rollback is neither a retry nor a promotion",
    "rollback-07a757d2": "it fetches more orders than are needed: each is compared with its own rollback anyway",
})  # fmt: skip
"""What the draw passes over, each with the reason: mostly that it makes no other program. The next takes its place."""
