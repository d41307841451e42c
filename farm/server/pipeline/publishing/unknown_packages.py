"""Records packages that a release holds and the database does not know, from what is published about them.

An older database was restored, or rows are gone. Descriptor, facts, manifest, archive, provenance and bill of materials
are blobs that the release names; plan and build number are in the provenance, and the recipe names its files. The
worker that built a package is known by the key that signed.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from farm.core.package.descriptor import Descriptor
from farm.core.plan.build_order import named_packages
from farm.core.plan.job import BuiltPackage
from farm.core.recipe.contents import RecipeContents
from farm.core.recipe.declared_sources import RECIPE_FILE, recipe_file
from farm.errors import FarmError
from farm.server.identities import identities
from farm.server.jobs import attempts, jobs
from farm.server.jobs.dependents import record_built, settle_all
from farm.server.jobs.finishing import package_of
from farm.server.jobs.provenance_checks import key_of
from farm.server.packages import attestations, packages, plans
from farm.server.packages.attestations import Attestation
from farm.server.packages.build_numbers import keep_number
from farm.server.packages.code_consumers import add_consumed
from farm.server.recipes import recipes
from farm.server.recipes.needs import keep_needs
from farm.server.submissions import submissions
from farm.server.submissions.owners import keep_published_signature
from farm.server.submissions.recipe_graph import graph_around
from farm.server.tables.states import AttemptState, JobKind, JobState
from farm.store.errors import CorruptBlobError, MissingBlobError
from farm.trust.attestation.dsse import InvalidEnvelopeError, open_envelope
from farm.trust.attestation.provenance import build_number_of, plan_by_digest, read_consumed
from farm.trust.index.release_time import released_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from securesystemslib.signer import Key

    from farm.core.names.digest import Digest
    from farm.core.plan.job import BlobRef
    from farm.core.plan.plan import Plan
    from farm.core.recipe.recipe import Recipe
    from farm.server.pipeline.repository.public_store import PublicStore
    from farm.server.tables.records import Attempt, Job, RecipeRevision
    from farm.server.transaction.unit_of_work import UnitOfWork
    from farm.trust.index.release_index import Release, ReleaseEntry


class UnrecordedPackageError(FarmError):
    """A published release holds a package that the database does not know, and that cannot be recorded."""

    code = "unknown-package"

    def __init__(self, release: Release, what: str, remedy: str) -> None:
        super().__init__(
            f"release {release.number} of {release.channel} is published, and the database does not know {what}",
            remedy=f"{remedy} Then the control process adopts the release automatically.",
        )


@dataclass(frozen=True, slots=True)
class _Build:
    """The unknown outputs of one build, and what its provenance states; `at` is the time of the release."""

    plan: Plan
    recipe: Digest
    number: int
    worker: str
    key: Key
    envelope: bytes
    at: datetime
    outputs: list[tuple[ReleaseEntry, Descriptor]]


def record_unknown(unit: UnitOfWork, release: Release, entries: Sequence[ReleaseEntry], public: PublicStore) -> None:
    """Record the unknown packages of a release, as built at its time. Needs a planning transaction.

    A recipe that is unknown too becomes the current one of its name: it was submitted later than all that is known.
    Raises `UnrecordedPackageError`, `MissingBlobError` and what reading a blob raises.
    """
    known = packages.by_digest(unit.session, (entry.descriptor.digest for entry in entries))
    unknown = [entry for entry in entries if entry.descriptor.digest not in known]
    if not unknown:
        return
    builds = _builds(unit, release, unknown, public)
    order = _record_recipes(unit, release, builds, public)
    done: list[Job] = []
    for build in sorted(builds, key=lambda build: (order.get(build.plan.name.short, -1), build.plan.name.short)):
        done += _record_build(unit, release, build)
    settle_all(unit, done)


def _builds(unit: UnitOfWork, release: Release, unknown: Iterable[ReleaseEntry], public: PublicStore) -> list[_Build]:
    workers = _workers(unit)
    builds: dict[tuple[Digest, Digest], _Build] = {}
    for entry in unknown:
        for blob in entry.blobs:
            public.fetch_back(blob.digest)
        descriptor = Descriptor.from_json(unit.blobs.read(entry.descriptor.digest))
        which = descriptor.plan, entry.provenance.digest
        if which not in builds:
            envelope = unit.blobs.read(entry.provenance.digest)
            try:
                worker, key = _signer(envelope, workers)
            except InvalidEnvelopeError as error:
                raise UnrecordedPackageError(
                    release,
                    f"who has built {entry.name} {entry.version}-{entry.revision}: no enrolled worker's key signed its "
                    f"provenance {entry.provenance.digest}",
                    "Enrol the worker that built it again, with the same key.",
                ) from error
            plan, number = plan_by_digest(envelope, descriptor.plan), build_number_of(envelope)
            builds[which] = _Build(plan, entry.recipe, number, worker, key, envelope, released_time(release), [])
            for source in plan.sources:
                with suppress(MissingBlobError):  # the farm has its own for most
                    public.fetch_back(source.digest)
        builds[which].outputs.append((entry, descriptor))
    return list(builds.values())


def _record_recipes(
    unit: UnitOfWork, release: Release, builds: Iterable[_Build], public: PublicStore
) -> dict[str, int]:
    """Record the unknown recipes, and make them current; return the order in which they are built."""
    read: dict[str, Recipe] = {}
    files: dict[str, Digest] = {}
    for build in builds:
        name = build.plan.name.short
        if recipes.find_revision(unit.session, build.recipe) is None:
            content = _files_of(build.recipe, public)
            try:
                read[name] = unit.recipes.read(content, file=recipe_file(name))
            except FarmError as error:
                raise _unknown_recipe(release, name, error) from error
            files[name] = unit.recipes.keep(content)
    if not read:
        return {}
    try:
        graph = graph_around(unit, read)
    except FarmError as error:
        raise _unknown_recipe(release, ", ".join(sorted(read)), error) from error
    trace = _trace(release)
    number = submissions.add_submission(unit.session, submitted_by="pipeline", trace=trace, now=unit.now)
    revisions = recipes.add_revisions(unit.session, read, files=files, submission=number)
    keep_needs(unit.session, {revisions[recipe.digest].id: named_packages(recipe) for recipe in read.values()})
    recipes.make_current(unit.session, {name: (recipe, revisions[recipe.digest].id) for name, recipe in read.items()})
    for old in jobs.pending_of_recipes(unit.session, read):
        jobs.supersede(unit.session, old, f"release {release.number}, which is published", now=unit.now)
    for envelope in public.evidence(release.digest).submissions:
        with suppress(MissingBlobError, CorruptBlobError):
            signed = public.read_digest(envelope)
            keep_published_signature(unit, signed, number, [recipe.digest for recipe in read.values()])
    return {name: place for place, name in enumerate(graph.order)}


def _unknown_recipe(release: Release, name: str, error: FarmError) -> UnrecordedPackageError:
    return UnrecordedPackageError(
        release, f"the recipe {name}, which cannot be taken from there: {error}", f"Submit {name} again: `farm submit`."
    )


def _files_of(recipe: Digest, public: PublicStore) -> Mapping[str, bytes]:
    public.fetch_back(recipe)
    contents = RecipeContents.from_json(public.read_digest(recipe))
    files = {RECIPE_FILE: contents.recipe, **contents.files}
    return {name: public.read_digest(digest) for name, digest in files.items()}


def _record_build(unit: UnitOfWork, release: Release, build: _Build) -> list[Job]:
    revision = recipes.find_revision(unit.session, build.recipe)
    if revision is None:
        raise LookupError(f"the recipe {build.recipe} was to be recorded")
    if plans.find_plan_text(unit.session, build.plan.digest) is None:
        plans.keep_plan(unit.session, build.plan)
        keep_number(unit.session, build.plan.digest, build.number)
    job, attempt = _done(unit, release, revision, build.plan.digest, build.worker)
    consumed = read_consumed(build.envelope, {build.key.keyid: build.key})
    for entry, descriptor in build.outputs:
        built = BuiltPackage(descriptor, entry.archive, entry.manifest, entry.facts)
        package = package_of(built, revision, attempt, entry.provenance, at=build.at)
        packages.add_package(unit.session, replace(package, sbom=entry.sbom, build=build.number))
        add_consumed(unit.session, descriptor.digest, consumed)
    return [job, *record_built(unit, job, build.plan.digest)]


def _done(
    unit: UnitOfWork, release: Release, revision: RecipeRevision, plan: Digest, worker: str, *, rebuild: bool = False
) -> tuple[Job, Attempt]:
    """Record a finished job of a worker and its attempt; return both."""
    job = jobs.add_job(
        unit.session,
        kind=JobKind.BUILD,
        name=revision.name,
        revision_id=revision.id,
        submission=revision.submission,
        subject=plan,
        rebuild=rebuild,
        trace=_trace(release),
        now=unit.now,
    )
    jobs.move(unit.session, job, JobState.SUCCEEDED, now=unit.now)
    attempt = attempts.add_attempt(
        unit.session,
        job_id=job.id,
        worker=worker,
        token_digest=identities.token_digest(secrets.token_urlsafe()),  # nobody has this token
        now=unit.now,
        expires_at=unit.now,
    )
    attempts.end(unit.session, attempt, AttemptState.SUCCEEDED, now=unit.now)
    return job, attempt


def record_rebuilds(unit: UnitOfWork, release: Release, entries: Sequence[ReleaseEntry], public: PublicStore) -> None:
    """Record the rebuilds that a release names for its packages, which the database must know.

    The attestation of a worker that is unknown here does not count: the package is rebuilt if a channel requires it.
    """
    rebuilt = [entry for entry in entries if entry.rebuilds]
    known = attestations.attestations_of(unit.session, (entry.descriptor.digest for entry in rebuilt))
    workers = _workers(unit)
    for entry in rebuilt:
        package = entry.descriptor.digest
        there = {attestation.provenance for attestation in known.get(package, ())}
        for blob in sorted(set(entry.rebuilds) - there, key=lambda blob: blob.digest):
            public.fetch_back(blob.digest)
            with suppress(InvalidEnvelopeError):
                worker, _ = _signer(unit.blobs.read(blob.digest), workers)
                _record_rebuild(unit, release, package, worker, blob)


def _workers(unit: UnitOfWork) -> dict[str, tuple[str, Key]]:
    """Return the enrolled workers, by the id of their key."""
    found = ((worker.name, key_of(worker)) for worker in identities.workers(unit.session))
    return {key.keyid: (name, key) for name, key in found}


def _signer(envelope: bytes, workers: Mapping[str, tuple[str, Key]]) -> tuple[str, Key]:
    """Return the worker that signed an envelope, and its key. Raises `InvalidEnvelopeError`."""
    _, key = open_envelope(envelope, {keyid: key for keyid, (_, key) in workers.items()})  # there are few workers
    return workers[key.keyid]


def _record_rebuild(unit: UnitOfWork, release: Release, digest: Digest, worker: str, provenance: BlobRef) -> None:
    package = packages.package(unit.session, digest)
    revision = recipes.find_revision(unit.session, package.recipe) if package else None
    if package is None or revision is None:
        raise LookupError(f"the package {digest} was to be recorded")
    _, attempt = _done(unit, release, revision, package.plan, worker, rebuild=True)
    attestation = Attestation(
        package=digest, built_by=worker, provenance=provenance, attempt_id=attempt.id, at=released_time(release)
    )
    attestations.add_attestation(unit.session, attestation)


def _trace(release: Release) -> str:
    return f"taken-up-{release.channel}-{release.number}"
