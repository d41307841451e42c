"""A farm with many packages in one release, as its database and blobs are after they were built, without building them.

Each package has a recipe, a plan, a job, an attempt and the blobs that its page reads. Rows are written directly.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from farm.build.recipe_directory import read_recipe_directory
from farm.core.fileset.manifest import File, Manifest
from farm.core.names.digest import Digest
from farm.core.names.platform import Platform
from farm.core.plan.plan import Plan
from farm.server.application import CHANGING, FarmSettings, open_application
from farm.server.channels import releases
from farm.server.tables.identity_rows import WorkerRow
from farm.server.tables.job_rows import AttemptRow, JobRow, PlanRow
from farm.server.tables.package_rows import PackageRow
from farm.server.tables.recipe_rows import RecipeOutputRow, RecipeRevisionRow, RecipeRow, SubmissionRow
from farm.server.tables.states import AttemptState, JobKind, JobState
from farm.server.tables.writing import add_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from farm.server.tables.columns import Row
    from farm.server.transaction.planning_inputs import ToolchainRef
    from farm.server.transaction.unit_of_work import Application
    from script.benchmarks.synthetic_set import SyntheticPackage

CHANNEL = "edge"
_NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
_NOTHING = Digest.of(b"")
_WORKER, _TRACE = "worker", "trace"


def write_settings(directory: Path, recipes: Path, *toolchains: ToolchainRef) -> Path:
    """Write the settings of a farm whose database and blobs are in `directory`; return their file."""
    values = {
        "database": f"sqlite:///{directory}/farm.db",
        "blobs": str(directory / "blobs"),
        "logs": str(directory / "logs"),
        "recipes": str(recipes),
        "toolchains": [toolchain.to_dict() for toolchain in toolchains],
    }
    settings = directory / "farm.json"
    settings.write_text(json.dumps(values))
    return settings


def fill(settings: Path, packages: Sequence[SyntheticPackage]) -> None:
    """Store packages, and release 1 of a channel with all of them."""
    values = FarmSettings.read(settings)
    application = open_application(values, read_recipe_directory(values.recipes, leave_out=CHANGING))
    try:
        with application.writing() as unit:
            add_rows(unit.session, _around())
            stored = [_Stored(application, package, number).package() for number, package in enumerate(packages, 1)]
            for rows in zip(*(rows for _, rows in stored), strict=True):
                add_rows(unit.session, rows)
            names = {package.number: package.name for package in packages}
            releases.ensure_channel(unit.session, CHANNEL, json.dumps({"from": "", "gates": [], "name": CHANNEL}))
            record = releases.add_release(
                unit.session,
                channel=CHANNEL,
                number=1,
                candidate_id=None,
                digest=Digest.of(b"release"),
                set_digest=Digest.of(b"set"),
                previous=None,
                packages=len(packages),
                changes={package.name: digest for package, (digest, _) in zip(packages, stored, strict=True)},
                needs={package.name: [names[need] for need, _ in package.needs] for package in packages},
                trace=_TRACE,
                now=_NOW,
            )
            releases.mark_published(unit.session, record.id, now=_NOW)
    finally:
        application.database.close()


def _around() -> Iterator[Row]:
    yield SubmissionRow(id=1, submitted_by="somebody", submitted_at=_NOW, trace=_TRACE)
    yield WorkerRow(
        name=_WORKER, public_key="0" * 64, builds=True, tests=True, enrolled_by="somebody", enrolled_at=_NOW
    )


class _Stored:
    """One package: `number` is the id of its revision, its job and its attempt."""

    def __init__(self, application: Application, package: SyntheticPackage, number: int) -> None:
        self._application = application
        self._blobs = application.blobs
        self._package = package
        self._name = package.name
        self._number = number

    def package(self) -> tuple[Digest, tuple[Row, ...]]:
        """Store its blobs; return the digest of its descriptor and its rows, in the order in which they refer."""
        text = self._recipe()
        recipe = Digest.of(text)
        files = self._application.recipes.keep({"recipe.yaml": text})
        plan = self._plan()
        package = self._row(plan, recipe)
        rows = (
            PlanRow(digest=plan.digest, name=self._name, body=plan.to_json().decode()),
            self._revision(recipe, files),
            RecipeRow(
                name=self._name,
                current_id=self._number,
                built_id=self._number,
                built_plan=plan.digest,
                built_at=_NOW,
                newest_plan=plan.digest,
            ),
            RecipeOutputRow(package=self._name, recipe=self._name),
            self._job(plan),
            self._attempt(),
            package,
        )
        return Digest(package.digest), rows

    def _recipe(self) -> bytes:
        return (
            f"name: {self._name}\nversion: '1.0'\nsummary: Number {self._number}\nlicense: MIT\ntoolchain: c\n"
            "steps:\n  - run: make install\n"
        ).encode()

    def _plan(self) -> Plan:
        return Plan(
            name=self._package.member().descriptor.name,
            version=self._package.member().descriptor.version,
            revision=1,
            platform=Platform("linux", "amd64"),
            toolchain=_NOTHING,
            sources=(),
            dependencies=(),
            steps=(),
            outputs=(),
            links=(),
            replaces=(),
            plugins=(),
            host=self._package.member().descriptor.host,
            requires=(),
            license="MIT",
            shadows=(),
            environment=(),
            source_epoch=0,
        )

    def _row(self, plan: Plan, recipe: Digest) -> PackageRow:
        member = self._package.member()
        manifest = Manifest.of([File(f"share/{self._name}", 1, _NOTHING, executable=False)])
        facts = member.facts.to_json()
        descriptor = replace(
            member.descriptor, tree=manifest.tree_digest, facts=self._blobs.put_bytes(facts), plan=plan.digest
        )
        content = descriptor.to_json()
        self._blobs.put_bytes(manifest.to_json())
        return PackageRow(
            digest=self._blobs.put_bytes(content),
            descriptor_size=len(content),
            name=self._name,
            version="1.0",
            revision=1,
            platform="linux/amd64",
            summary=f"Number {self._number}",
            license="MIT",
            tree=manifest.tree_digest,
            archive=_NOTHING,
            archive_size=0,
            manifest_size=len(manifest.to_json()),
            facts=descriptor.facts,
            facts_size=len(facts),
            provenance=_NOTHING,
            provenance_size=0,
            plan=plan.digest,
            recipe=recipe,
            attempt_id=self._number,
            built_by=_WORKER,
            built_at=_NOW,
        )

    def _revision(self, recipe: Digest, files: Digest) -> RecipeRevisionRow:
        return RecipeRevisionRow(
            id=self._number,
            digest=recipe,
            name=self._name,
            version="1.0",
            revision=1,
            summary=f"Number {self._number}",
            license="MIT",
            toolchain="c",
            files=files,
            submission_id=1,
        )

    def _job(self, plan: Plan) -> JobRow:
        return JobRow(
            id=self._number,
            kind=JobKind.BUILD,
            name=self._name,
            revision_id=self._number,
            submission_id=1,
            subject=plan.digest,
            state=JobState.SUCCEEDED,
            created_at=_NOW,
            changed_at=_NOW,
            finished_at=_NOW,
            trace=_TRACE,
        )

    def _attempt(self) -> AttemptRow:
        return AttemptRow(
            id=self._number,
            job_id=self._number,
            number=1,
            worker=_WORKER,
            token_digest=f"token {self._number}",
            state=AttemptState.SUCCEEDED,
            claimed_at=_NOW,
            heartbeat_at=_NOW,
            expires_at=_NOW,
            finished_at=_NOW,
        )
