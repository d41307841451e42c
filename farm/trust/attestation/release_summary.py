"""The summary that the signer publishes with a release: a SLSA verification summary in a DSSE envelope.

Its path is `summaries/<digest of the release>.json`, and the keys of the release's channel sign it: the policy and the
evidence by which the release passed, for other tools to read. Clients of farm do not need it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from farm import __version__
from farm.core.names.digest import Digest
from farm.core.names.utc import utc_text
from farm.errors import FarmError
from farm.trust.attestation.dsse import InvalidEnvelopeError, open_envelope, unverified_statement
from farm.trust.attestation.in_toto import digest_of, digest_set, make_statement, predicate_type_of, resource
from farm.trust.layout import SUMMARIES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from securesystemslib.signer import Key

    from farm.trust.attestation.check_results import VerifiedRelease
    from farm.trust.index.release_index import Release

PREDICATE_TYPE = "https://slsa.dev/verification_summary/v1"
SLSA_VERSION = "1.0"
UNEVALUATED = "SLSA_BUILD_LEVEL_UNEVALUATED"
"""The signer knows only which builders are allowed, not their SLSA level."""
_REMEDY = "Ask the distribution's owner, or another mirror. Its packages are verified without it."


@dataclass(frozen=True, slots=True)
class ReleaseSummary:
    """What a summary states: when the release was checked, by which policy, and what was verified."""

    release: Digest
    verified_at: str
    policy: Digest
    checked: tuple[str, ...]


def summary_path(release: Digest) -> str:
    """Return the path of the summary of a release, from the root of the repository."""
    return f"{SUMMARIES}/{release.hex}.json"


def resource_uri(distribution: str, channel: str) -> str:
    """Return the subject of summaries: a channel, whatever its newest release."""
    return f"urn:farm:channel:{distribution}:{channel}"


def summary_statement(
    release: Release, verified: VerifiedRelease, now: datetime, before: bytes | None
) -> dict[str, Any]:
    """Return the in-toto statement. `before` is the summary of the release before, where there is one.

    Its size is that of the change. The evidence names what dependencies, owners, curators and testers have signed.
    """
    own = release.distribution
    inputs = [resource("evidence", verified.evidence)]
    if before is not None and release.previous is not None:
        inputs.append(resource(summary_path(release.previous), Digest.of(before)))
    if verified.new and not verified.provenances:  # too many to list: the index minus that of the release before
        inputs.append(resource("index", release.index.digest))
    inputs += [resource(f"provenance of {name}", digest) for name, digest in verified.provenances]
    subjects = [
        resource(f"{own}/{release.channel}/{release.number}", release.digest),
        resource(f"package set of {own}/{release.channel}/{release.number}", release.package_set),
    ]
    predicate = {
        "verifier": {"id": f"urn:farm:signer:{own}", "version": {"farm": __version__}},
        "timeVerified": utc_text(now),
        "resourceUri": resource_uri(own, release.channel),
        "policy": {"uri": f"urn:farm:policy:{own}", **digest_set(verified.policy)},
        "inputAttestations": inputs,
        "verificationResult": "PASSED",
        "verifiedLevels": [UNEVALUATED, *verified.checked],
        "slsaVersion": SLSA_VERSION,
    }
    return make_statement(PREDICATE_TYPE, subjects, predicate)


def read_summary(content: bytes, keys: Mapping[str, Key], release: Release) -> ReleaseSummary:
    """Return the summary of a release, signed by the `keys` of its channel. Raises `InvalidEnvelopeError`."""
    statement, _ = open_envelope(content, keys, remedy=_REMEDY)
    try:
        said = statement["predicate"]
        about = {subject["digest"]["sha256"] for subject in statement["subject"]}, said["resourceUri"]
        passed = said["verificationResult"] == "PASSED"
        summary = ReleaseSummary(
            release.digest,
            str(said["timeVerified"]),
            digest_of(said["policy"]),
            tuple(map(str, said["verifiedLevels"])),
        )
    except (LookupError, TypeError, FarmError) as error:
        raise InvalidEnvelopeError(f"the summary lacks {error}", remedy=_REMEDY) from error
    if (kind := predicate_type_of(statement)) != PREDICATE_TYPE or not passed:
        raise InvalidEnvelopeError(f"the statement is {kind!r:.100}, and no summary of what passed", remedy=_REMEDY)
    wanted = {release.digest.hex, release.package_set.hex}, resource_uri(release.distribution, release.channel)
    if about != wanted:
        raise InvalidEnvelopeError(f"the summary is about another release than {release.digest}", remedy=_REMEDY)
    return summary


def evidence_of(content: bytes) -> Digest | None:
    """Return the evidence that a summary names, without verifying it; None if it cannot be read."""
    try:
        inputs = unverified_statement(content)["predicate"]["inputAttestations"]
        return digest_of({attestation["name"]: attestation for attestation in inputs}["evidence"])
    except (LookupError, TypeError, FarmError):
        return None
