"""SLSA v1 provenance of one build: made by the worker, checked by the farm, the checker and the client alike.

The statement holds the whole Plan, so that its readers can compute the plan digest that the descriptor names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from farm.core.names.digest import Digest, InvalidDigestError
from farm.core.names.printed_version import FIRST_BUILD, LAST_BUILD, PrintedIdentity
from farm.core.plan.consumption import Consumption
from farm.core.plan.debian import DebianBinary
from farm.core.plan.plan import Plan
from farm.errors import FarmError
from farm.trust.attestation.dsse import InvalidEnvelopeError, open_envelope, unverified_statement
from farm.trust.attestation.in_toto import digest_of, digest_set, make_statement, predicate_type_of, read_time, resource

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from securesystemslib.signer import Key

    from farm.core.package.descriptor import Descriptor
    from farm.core.plan.job import SourceOrigin
    from farm.core.plan.plan import PlannedDependency

PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:farm:build:1"
_BUILDER = "urn:farm:builder:"
_FROM_TOOLCHAIN = "from-toolchain"
_BUILD = "build"
_OPENED = "opened"
"""The annotation of a dependency that lists its opened files that code can be copied from."""


class ProvenanceError(FarmError):
    """A provenance is not that of a package: `package` names it, the message what does not match."""

    code = "provenance"

    def __init__(self, package: str, why: str) -> None:
        super().__init__(
            f"the provenance of {package} does not match it: {why}",
            remedy="Do not use this package; tell the owner of the channel.",
        )
        self.package = package


@dataclass(frozen=True, slots=True)
class BuildRun:
    """The circumstances of one attempt. Times are RFC 3339 in UTC; `runtime` names engine, runtime and variations.

    `build` is the number that the farm gave to this build among those of the plan's version and revision. `consumed` is
    what was opened of each dependency; for a dependency that is not in it, nothing is known.
    """

    builder: str
    attempt: str
    started: str
    finished: str
    log: Digest
    runtime: Mapping[str, str]
    consumed: tuple[Consumption, ...] = ()
    build: int = FIRST_BUILD


def build_statement(
    plan: Plan,
    recipe: Digest,
    packages: Iterable[tuple[Descriptor, Digest]],
    origins: Sequence[SourceOrigin],
    run: BuildRun,
) -> dict[str, Any]:
    """Return the in-toto statement for packages (each with its archive's digest) that `plan` was carried out for.

    `run.builder` is the key id of the worker. Sources taken from the toolchain's own packages are annotated so.
    """
    subjects = (
        resource(describe(descriptor), descriptor.digest)
        | {"annotations": {"archive": archive, "tree": descriptor.tree}}
        for descriptor, archive in packages
    )
    definition = {
        "buildType": BUILD_TYPE,
        "externalParameters": {"package": str(plan.name), "recipe": digest_set(recipe)},
        "internalParameters": {"plan": plan.to_dict()} | _numbered(run.build),
        "resolvedDependencies": _dependencies(plan, origins, run.consumed),
    }
    details = {
        "builder": {"id": f"{_BUILDER}{run.builder}", "version": dict(run.runtime)},
        "metadata": {"invocationId": run.attempt, "startedOn": run.started, "finishedOn": run.finished},
        "byproducts": [resource("log", run.log)],
    }
    return make_statement(PREDICATE_TYPE, subjects, {"buildDefinition": definition, "runDetails": details})


def _numbered(build: int) -> dict[str, int]:
    # Left out for the first build, as before there were numbers.
    return {} if build == FIRST_BUILD else {_BUILD: build}


def _number(parameters: Mapping[str, Any]) -> int:
    build = parameters.get(_BUILD, FIRST_BUILD)
    if type(build) is not int or not FIRST_BUILD <= build <= LAST_BUILD:
        raise TypeError(f"a build number from {FIRST_BUILD} to {LAST_BUILD} in place of {build!r:.100}")
    return build


def named_blobs(content: bytes) -> tuple[Digest, ...]:
    """Return the digests of the toolchain's tree and of the log that a provenance names; nothing of it is verified.

    For a server that has these blobs: they are served by their digests.
    """
    try:
        predicate = unverified_statement(content)["predicate"]
        toolchain = predicate["buildDefinition"]["internalParameters"]["plan"]["toolchain"]
        return Digest(toolchain), digest_of(predicate["runDetails"]["byproducts"][0])
    except (LookupError, TypeError, FarmError):
        return ()


def describe(descriptor: Descriptor) -> str:
    """Return the name of a package in statements and messages: `dist.example/jq 1.7.1-1`."""
    return f"{descriptor.name} {descriptor.version}-{descriptor.revision}"


@dataclass(frozen=True, slots=True)
class VerifiedProvenance:
    """What an allowed builder (its key id) has signed: it carried out this plan, as the build of this number.

    `outputs` are the descriptors of all outputs that it names.
    """

    plan: Plan
    build: int
    builder: str
    outputs: frozenset[Digest]


def verify_provenance(
    content: bytes, allowed: Mapping[str, Key], descriptor: Descriptor, recipe: Digest
) -> VerifiedProvenance:
    """Check that an allowed builder has signed for exactly this package from exactly this recipe.

    The plan digest is computed from the plan inside the statement and compared with the descriptor's.
    Raises `ProvenanceError`, or `InvalidEnvelopeError` if no allowed key signed.
    """
    package = describe(descriptor)
    statement, key = open_envelope(content, allowed)
    try:
        outputs = frozenset(map(digest_of, statement["subject"]))
        definition = statement["predicate"]["buildDefinition"]
        named_recipe = definition["externalParameters"]["recipe"]["digest"]["sha256"]
        plan = Plan.from_dict(definition["internalParameters"]["plan"])
        build = _number(definition["internalParameters"])
        builder = statement["predicate"]["runDetails"]["builder"]["id"]
    except (KeyError, TypeError) as error:
        raise ProvenanceError(package, f"the statement lacks {error}") from error
    except FarmError as error:
        raise ProvenanceError(package, f"the statement cannot be read: {error}") from error
    if predicate_type_of(statement) != PREDICATE_TYPE:
        raise ProvenanceError(package, "the statement is not an SLSA v1 provenance")
    if definition.get("buildType") != BUILD_TYPE:
        raise ProvenanceError(package, f"the build type is {definition.get('buildType')!r}")
    if descriptor.digest not in outputs:
        raise ProvenanceError(package, f"it is about other packages than {descriptor.digest}")
    if named_recipe != recipe.hex:
        raise ProvenanceError(package, f"it was built from recipe sha256:{named_recipe}, the release names {recipe}")
    if plan.digest != descriptor.plan:
        raise ProvenanceError(package, f"its plan has digest {plan.digest}, the package names {descriptor.plan}")
    if builder != f"{_BUILDER}{key.keyid}":
        raise ProvenanceError(package, f"it names {builder} as its builder, and {key.keyid} signed it")
    return VerifiedProvenance(plan, build, key.keyid, outputs)


def check_agreement(found: Collection[str], needed: int, descriptor: Descriptor, channel: str) -> None:
    """Check that at least `needed` different builders have built a package; raises `ProvenanceError`."""
    count = len(set(found))
    if count < needed:
        there = "there is 1" if count == 1 else f"there are {count}"
        raise ProvenanceError(
            describe(descriptor), f"{channel} requires {needed} builders of the same package, and {there}"
        )


@dataclass(frozen=True, slots=True)
class SignedBuild:
    """What a builder has signed about its build besides the plan.

    `taken_from` has the origin of each source: an address or `debian:NAME` for a package of the toolchain; for a source
    that is not in it, nothing is known.
    """

    run: BuildRun
    taken_from: Mapping[Digest, str]


def read_build(content: bytes, allowed: Mapping[str, Key]) -> SignedBuild:
    """Return what a builder has signed about its build, which only the builder can know.

    Raises as `read_consumed`.
    """
    statement, key = open_envelope(content, allowed)
    try:
        predicate = statement["predicate"]
        details, metadata = predicate["runDetails"], predicate["runDetails"]["metadata"]
        run = BuildRun(
            builder=key.keyid,
            attempt=str(metadata["invocationId"]),
            started=str(metadata["startedOn"]),
            finished=str(metadata["finishedOn"]),
            log=digest_of(details["byproducts"][0]),
            runtime={str(name): str(value) for name, value in details["builder"]["version"].items()},
            consumed=_consumed(statement),
            build=_number(predicate["buildDefinition"]["internalParameters"]),
        )
        return SignedBuild(run, dict(_taken_from(predicate["buildDefinition"]["resolvedDependencies"])))
    except (LookupError, TypeError, AttributeError) as error:
        raise ProvenanceError("a build", f"the statement lacks {error}") from error
    except InvalidDigestError as error:
        raise ProvenanceError("a build", f"the statement cannot be read: {error}") from error


def _taken_from(resolved: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Digest, str]]:
    for mapping in resolved:
        package = mapping.get("annotations", {}).get(_FROM_TOOLCHAIN)
        if place := mapping.get("uri") or (package and f"debian:{package}"):
            yield digest_of(mapping), str(place)


def plan_by_digest(content: bytes, digest: Digest) -> Plan:
    """Return the plan of this digest from a statement of any signer: the digest identifies the plan.

    It does not show that the plan was carried out. Raises `ProvenanceError`.
    """
    plan, _ = outputs_by_plan(content, digest)
    return plan


def outputs_by_plan(content: bytes, digest: Digest) -> tuple[Plan, tuple[Digest, ...]]:
    """Return the plan of this digest from a statement, and the descriptors of all outputs that the statement names.

    For a caller who has verified the statement before. Raises `ProvenanceError`.
    """
    try:
        statement = unverified_statement(content)
        plan = Plan.from_dict(statement["predicate"]["buildDefinition"]["internalParameters"]["plan"])
        outputs = tuple(map(digest_of, statement["subject"]))
    except (LookupError, TypeError, FarmError) as error:
        raise ProvenanceError("a build", f"its plan and outputs cannot be read: {error}") from error
    if plan.digest != digest:
        raise ProvenanceError("a build", f"its plan has digest {plan.digest}, not {digest}")
    return plan, outputs


def build_number_of(content: bytes) -> int:
    """Return the build number in a statement that was verified before. Raises `ProvenanceError`."""
    try:
        statement = unverified_statement(content)
        return _number(statement["predicate"]["buildDefinition"]["internalParameters"])
    except (LookupError, TypeError, AttributeError, InvalidEnvelopeError) as error:
        raise ProvenanceError("a build", f"its number cannot be read: {error}") from error


@dataclass(frozen=True, slots=True)
class ClaimedRun:
    """What a statement says of a build: the digest of its recipe, and how many seconds it took, None if it does not."""

    recipe: Digest
    seconds: float | None


def claimed_run(content: bytes) -> ClaimedRun:
    """Return the recipe and the duration in a statement that was verified, or made here. Raises `ProvenanceError`."""
    try:
        predicate = unverified_statement(content)["predicate"]
        recipe = digest_of(predicate["buildDefinition"]["externalParameters"]["recipe"])
        metadata = predicate["runDetails"]["metadata"]
        started, finished = (read_time(metadata[key]) for key in ("startedOn", "finishedOn"))
        seconds = (finished - started).total_seconds()
    except ValueError:  # times in another form
        return ClaimedRun(recipe, None)
    except (LookupError, TypeError, AttributeError, FarmError) as error:
        raise ProvenanceError("a build", f"its recipe and times cannot be read: {error}") from error
    return ClaimedRun(recipe, seconds)


def printed_identity(descriptor: Descriptor, build: int) -> PrintedIdentity:
    """Return the identity under which people see the package of this build."""
    return PrintedIdentity(descriptor.name.short, str(descriptor.version), descriptor.revision, build)


def read_consumed(content: bytes, allowed: Mapping[str, Key]) -> tuple[Consumption, ...]:
    """Return what a build opened of each dependency of its plan, in the plan's order; "unknown" where it is not named.

    Raises `ProvenanceError`, or `InvalidEnvelopeError` when no allowed key signed. Whether it is the provenance of a
    package, `verify_provenance` checks.
    """
    statement, _ = open_envelope(content, allowed)
    return _consumed(statement)


def _consumed(statement: Mapping[str, Any]) -> tuple[Consumption, ...]:
    try:
        definition = statement["predicate"]["buildDefinition"]
        plan = Plan.from_dict(definition["internalParameters"]["plan"])
        opened = {
            (found.get("name"), found["digest"]["sha256"]): found.get("annotations", {}).get(_OPENED)
            for found in definition["resolvedDependencies"]
        }
        return tuple(
            Consumption.from_json_value(
                dependency.name, dependency.tree, opened.get((_named(dependency), dependency.tree.hex)) or "unknown"
            )
            for dependency in plan.dependencies
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ProvenanceError("a build", f"its list of dependencies lacks {error}") from error
    except FarmError as error:
        raise ProvenanceError("a build", f"what it opened cannot be read: {error}") from error


def _dependencies(plan: Plan, origins: Sequence[SourceOrigin], consumed: Iterable[Consumption]) -> list[dict[str, Any]]:
    opened = {(consumption.library, consumption.tree): consumption.to_json_value() for consumption in consumed}
    by_digest = {origin.digest: origin for origin in origins}
    resolved: list[dict[str, Any]] = []
    for source in plan.sources:
        origin = by_digest.get(source.digest)
        entry = resource(source.file, source.digest)
        if origin and origin.url:
            entry["uri"] = origin.url
        if origin and origin.debian_package:
            entry["annotations"] = {_FROM_TOOLCHAIN: origin.debian_package}
            binary = DebianBinary.parse(origin.debian_package)
            if binary.version:
                entry["uri"] = binary.purl
        resolved.append(entry)
    resolved.append(resource("toolchain", plan.toolchain))
    for dependency in plan.dependencies:
        entry = resource(_named(dependency), dependency.tree)
        if (dependency.name, dependency.tree) in opened:
            entry["annotations"] = {_OPENED: opened[dependency.name, dependency.tree]}
        resolved.append(entry)
    return resolved


def _named(dependency: PlannedDependency) -> str:
    return f"{dependency.name} {dependency.version}"
