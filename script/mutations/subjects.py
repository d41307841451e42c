"""The subjects that mutations are drawn from, and the tests that must notice: those of the module's own room."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

SEED = 20261130
"""Other mutations are drawn with another seed. It is committed, so that two people talk of the same ones."""
PER_SUBJECT = 5


@dataclass(frozen=True, slots=True)
class Subject:
    """Something that must not break unseen, and the modules that carry it out."""

    name: str
    modules: tuple[str, ...]


SUBJECTS = (
    Subject(
        "archive",
        ("farm/fileset/archive_header.py", "farm/fileset/archive_reader.py"),
    ),
    Subject(
        "proof",
        ("farm/compat/closure.py", "farm/compat/definition.py", "farm/compat/prover.py", "farm/compat/symbols.py"),
    ),
    Subject("leases", ("farm/control/leases.py", "farm/database/attempts.py")),
    Subject("signer", ("farm/ledger/standing.py", "farm/trust/repository.py", "workers/signer.py")),
    Subject(
        "rollback", ("farm/database/rollbacks.py", "farm/release/entrance.py", "farm/release/gates/rolled_back.py")
    ),
    Subject("conflicts", ("farm/compat/claim_index.py", "farm/fileset/forest.py")),
    Subject(
        "escaping",
        ("farm/cli/inert.py", "web/pages/log_rows.py", "web/pages/rendering.py", "web/pages/terminal_text.py"),
    ),
    Subject(
        "policy",
        (
            "farm/client/policy.py",
            "farm/countersign/gates.py",
            "farm/recipe/policy_file.py",
            "farm/recipe/strictness.py",
        ),
    ),
)

_CHANNELS = tuple(
    f"tests/release/{name}" for name in ("test_rolled_back.py", "test_scenarios.py", "test_departures.py", "gates")
)
_PAGES = tuple(f"tests/web/test_{name}.py" for name in ("terminal_text", "rendering", "logs", "pages", "log_index"))
TESTS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "farm/cli/inert.py": ("tests/cli/test_output.py", "tests/cli/test_hostile_answers.py"),
    "farm/client/policy.py": ("tests/client/test_policy.py", "tests/client/test_coverage.py"),
    "farm/compat/claim_index.py": ("tests/compat",),
    "farm/compat/closure.py": ("tests/compat/test_closure.py", "tests/compat"),
    "farm/compat/definition.py": ("tests/compat/test_proof.py", "tests/compat"),
    "farm/compat/prover.py": ("tests/compat/test_proof.py", "tests/compat"),
    "farm/compat/symbols.py": ("tests/compat/test_proof.py", "tests/compat"),
    "farm/control/leases.py": ("tests/control/test_leases.py", "tests/control"),
    "farm/countersign/builds.py": ("tests/countersign/test_builds.py", "tests/countersign"),
    "farm/countersign/gates.py": ("tests/countersign/test_package_gates.py", "tests/countersign"),
    "farm/countersign/release_check.py": ("tests/countersign/test_release_check.py", "tests/countersign"),
    "farm/database/attempts.py": ("tests/database/test_jobs.py", "tests/database"),
    "farm/database/rollbacks.py": ("tests/database/test_rollbacks.py", "tests/database"),
    "farm/fileset/archive_header.py": ("tests/fileset/test_archive_reader.py", "tests/fileset"),
    "farm/fileset/archive_reader.py": ("tests/fileset/test_archive_reader.py", "tests/fileset"),
    "farm/fileset/forest.py": ("tests/fileset/test_forest.py", "tests/fileset"),
    "farm/ledger/standing.py": ("tests/countersign/test_standing.py", "tests/countersign"),
    "farm/recipe/policy_file.py": ("tests/recipe/test_policy_file.py", "tests/recipe"),
    "farm/recipe/strictness.py": ("tests/recipe/test_strictness.py", "tests/recipe/test_bounded.py", "tests/recipe"),
    "farm/release/entrance.py": _CHANNELS,
    "farm/release/gates/rolled_back.py": _CHANNELS,
    "farm/trust/archive_contents.py": ("tests/trust/test_archive_contents.py", "tests/trust"),
    "farm/trust/needed.py": ("tests/trust/test_needed.py", "tests/trust"),
    "farm/trust/release_index.py": ("tests/trust/test_release_index.py", "tests/trust"),
    "farm/trust/release_package.py": ("tests/trust/test_release_package.py", "tests/trust"),
    "farm/trust/repository.py": ("tests/trust/test_repository.py", "tests/trust"),
    "web/pages/log_rows.py": _PAGES,
    "web/pages/rendering.py": _PAGES,
    "web/pages/terminal_text.py": _PAGES,
    "workers/signer.py": ("tests/workers/test_signer.py", "tests/workers"),
})  # fmt: skip
"""The tests of each module, all of its own room, the likeliest first; what needs an engine or a server is left out."""

LEFT_OUT: Mapping[str, str] = MappingProxyType({
    "leases-03c7ab24": "the attempt's row is locked since it was read: nobody can have changed it",
    "proof-02d17595": "it is never sure of the quick answer, and so always looks at the whole scope",
    "leases-035c078a": "it is `lease-at-its-end`, which has a name",
    "rollback-07a757d2": "it fetches more orders than are needed: each is compared with its own rollback anyway",
})  # fmt: skip
"""What the draw passes over, each with the reason: mostly that it makes no other program. The next takes its place."""
