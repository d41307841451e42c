"""Every kind of document that is published, signed, sent or stored: how it is read, written, and its values.

The values are a few plain ones, independent of the names of Python's fields: digests that were computed, and
members that could be confused with one another.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from farm.client.image.records import ImageRecord
from farm.client.mirror.directory import MirrorRecord
from farm.client.override.overrides import Override
from farm.client.repository.subscriptions import Subscription
from farm.client.root.generation import Generation
from farm.client.run.late_binding import RunOptions
from farm.container.log_record import LogRecord
from farm.core.advisories.openvex import read_published, write_openvex
from farm.core.advisories.osv import read_osv
from farm.core.comparison.rebuild import PackageDifference
from farm.core.fileset.manifest import Manifest
from farm.core.names.canonical_json import canonical_json
from farm.core.names.package_name import PackageName
from farm.core.package.descriptor import Descriptor
from farm.core.package.facts import PackageFacts
from farm.core.plan.abi import AbiOrder, AbiOutcome
from farm.core.plan.consumption import Consumption
from farm.core.plan.job import BuildOrder, BuildOutcome, TestOrder, TestOutcome
from farm.core.plan.plan import Plan
from farm.core.recipe.contents import RecipeContents
from farm.core.recipe.toolchain import ToolchainLock
from farm.core.sets.members.set_record import SetRecord
from farm.server.transaction.planning_inputs import ToolchainRef
from farm.signing.evidence import ReleaseEvidence
from farm.signing.ledger import Line
from farm.signing.state import LedgerState
from farm.trust.attestation.check_results import CheckedImage, CheckedLists, CheckedOrder, VerifiedRelease
from farm.trust.attestation.image_request import AskedImage
from farm.trust.ceremony.draft import Draft
from farm.trust.index.advisory_index import AdvisoryIndex
from farm.trust.index.node import Branch, read_node, write_node
from farm.trust.index.release_index import Release, ReleaseEntry
from farm.trust.index.review_list import ReviewList
from farm.trust.metadata.builders import builders_document, read_builders
from farm.trust.metadata.signed_policy import SignedPolicy, read_policy

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Kind:
    """`says` gives plain values of what `read` returns; `write` makes exactly the same bytes again."""

    read: Callable[[bytes], Any]
    write: Callable[[Any], bytes]
    says: Callable[[Any], Any]


def _bytes(kind: Any, says: Callable[[Any], Any]) -> Kind:
    return Kind(kind.from_json, lambda value: value.to_json(), says)


def _values(kind: Any, says: Callable[[Any], Any]) -> Kind:
    return Kind(lambda text: kind.from_dict(json.loads(text)), lambda value: canonical_json(value.to_dict()), says)


def _archives(found: Any) -> list[Any]:
    return [
        [package.store, package.tree, package.archive.digest, package.manifest.size, package.descriptor]
        for package in found
    ]


def _plan(plan: Any) -> list[Any]:
    return [
        [str(plan.name), str(plan.version), plan.revision, str(plan.platform), plan.digest, plan.protocol],
        [[dependency.store, dependency.direct] for dependency in plan.dependencies],
        [[step.name, step.script] for step in plan.steps],
        [list(plan.replaces), list(plan.requires), list(plan.shadows), dict(plan.links), dict(plan.environment)],
    ]


def _descriptor(descriptor: Any) -> list[Any]:
    return [
        [str(descriptor.name), descriptor.store_path, descriptor.digest, str(descriptor.platform)],
        [descriptor.tree, descriptor.diff_id, descriptor.facts, descriptor.plan],
        [list(descriptor.requires), list(descriptor.provides), list(descriptor.replaces), dict(descriptor.links)],
        [descriptor.host.kernel, list(descriptor.host.features), list(descriptor.host.capabilities)],
    ]


def _elf(facts: Any) -> list[Any]:
    return [
        [path, elf.soname, list(elf.needed), list(elf.rpath), list(elf.runpath), len(elf.exports), len(elf.imports)]
        for path, elf in facts.elf
    ]


def _facts(facts: Any) -> list[Any]:
    return [
        [facts.format, facts.digest, list(facts.commands), list(facts.headers), list(facts.static_libraries)],
        _elf(facts),
        [[module.name, list(module.requires), list(module.requires_private)] for module in facts.pkg_config],
        [[debug_file.path, debug_file.build_id] for debug_file in facts.debug or ()],
    ]


def _entry(entry: Any) -> list[Any]:
    blobs = [[kind, blob.digest, blob.size] for kind, blob in entry.kinds]
    return [[entry.name, entry.version, entry.revision, entry.summary], blobs, list(entry.needs), list(entry.recipes)]


def _release(release: Any) -> list[Any]:
    head = [release.distribution, release.channel, release.number, release.packages, release.released_at]
    pins = [[pin.distribution, pin.channel, pin.number, pin.release, pin.root] for pin in release.imports]
    taken = [[one.name, one.descriptor, list(one.needs)] for pin in release.imports for one in pin.packages]
    return [head, release.digest, release.previous, release.package_set, release.index.digest, pins, taken]


def _node(node: Any) -> list[Any]:
    if isinstance(node, Branch):
        return [[child.bits, child.packages, child.node.digest] for child in node.children]
    return [[listing.name, listing.version, listing.revision, listing.entry.digest] for listing in node.listings]


def _evidence(found: Any) -> list[Any]:
    built = [
        [
            [package.descriptor.digest, package.facts.digest, package.manifest.digest, package.provenance.digest]
            for package in some
        ]
        for some in (found.dependencies, found.rebuilt)
    ]
    tests = [[[test.order, *test.results] for test in some] for some in (found.tests, found.comparisons)]
    return [
        built,
        tests,
        list(found.submissions),
        list(found.approvals),
        list(found.orders),
        [one.release for one in found.proofs],
    ]


def _verified(found: Any) -> list[Any]:
    named = [[name, digest] for name, digest in found.provenances]
    checked = [[check.name, str(check)] for check in found.checked]
    digests = [found.release, found.previous, found.policy, found.evidence]
    return [digests, list(found.new), named, checked, list(found.orders), list(found.rolled_back), list(found.returned)]


def _policy(policy: Any) -> list[Any]:
    return [
        sorted(policy.files),
        [[toolchain.name, toolchain.tree] for toolchain in policy.toolchains],
        list(policy.steps),
    ]


def _builders(document: Any) -> list[Any]:
    found, policy = document
    testers = None if found.testers is None else sorted(found.testers)
    return [sorted(found), testers, found.rebuilds, found.tests, found.operators, policy and _policy(policy)]


def _write_builders(document: Any) -> bytes:
    found, policy = document
    testers = None if found.testers is None else list(found.testers.values())
    return builders_document(
        list(found.values()),
        found.rebuilds,
        testers=testers,
        tests=found.tests,
        policy=policy,
        operators=found.operators,
    )


def _draft(draft: Any) -> list[Any]:
    quorums = [[quorum.name, quorum.threshold, len(quorum.signed), len(quorum.unsigned)] for quorum in draft.quorums()]
    return [draft.role, draft.version, quorums, sorted(draft.steps)]


def _set(record: Any) -> list[Any]:
    return [
        record.digest,
        list(record.asked),
        [str(release) for release in record.releases],
        [
            [str(package.name), package.full_version, package.store, package.channel, package.why]
            for package in record.packages
        ],
        [[override.stands_for, override.broken and override.broken.instead_of] for override in record.overrides],
    ]


def _image(found: Any) -> list[Any]:
    return [
        [found.digest, found.image.image_id, found.made, list(found.names), list(found.pushed)],
        [[layer.diff_id, layer.blob.digest, layer.holds] for layer in found.image.layers],
        [[digest, evidence.archive.digest, evidence.foreign] for digest, evidence in found.evidence.items()],
        [[referrer.artifact_type, referrer.manifest.digest] for referrer in found.referrers],
        _set(found.record),
    ]


def _override(found: Any) -> list[Any]:
    return [found.full_name, found.channel, str(found.source), found.why, found.made_for, found.stands_for]


def _line(line: Any) -> list[Any]:
    return [line.entry.kind]


def _ledger(state: Any) -> list[Any]:
    return [
        [sorted(state.channels), sorted(map(list, state.holds)), sorted(map(list, state.freezes))],
        [sorted(state.permits), sorted(state.entered), sorted(map(list, state.reports))],
        [
            sorted(map(list, state.withdrawn)),
            sorted(map(list, state.withdrawn_orders)),
            sorted(state.withdrawn_statements),
        ],
        {channel: sorted(releases) for channel, releases in state.rolled_back.items()},
    ]


_LIBRARY = PackageName("dist.example.org", "zlib")
_TREE = Manifest.of([]).tree_digest

KINDS: dict[str, Kind] = {
    "abi-order": _values(
        AbiOrder,
        lambda order: [
            order.digest,
            order.rule,
            order.before.library,
            order.after.library,
            _archives(order.after.headers),
        ],
    ),
    "abi-outcome": _values(
        AbiOutcome,
        lambda found: [found.verdict.name, found.exit, found.reason, found.undescribed.count, found.attestation],
    ),
    "advisory-index": _bytes(
        AdvisoryIndex,
        lambda index: [
            [advisory.id, advisory.document.digest, list(advisory.packages)] for advisory in index.advisories
        ],
    ),
    "asked-image": _bytes(AskedImage, lambda asked: [asked.channel, asked.number, list(asked.packages), asked.plain]),
    "build-order": _values(
        BuildOrder,
        lambda order: [
            _plan(order.plan),
            order.recipe_digest,
            order.build,
            [order.limits.minutes, order.limits.memory_mb, order.limits.processes],
            [[origin.digest, origin.url, origin.debian_package] for origin in order.source_origins],
            _archives(order.archives),
        ],
    ),
    "build-outcome": _values(
        BuildOutcome,
        lambda found: [found.provenance, found.log, [_descriptor(package.descriptor) for package in found.packages]],
    ),
    "builders": Kind(lambda text: (read_builders(text), read_policy(text)), _write_builders, _builders),
    "checked-image": _bytes(CheckedImage, lambda found: [found.asked, found.image, len(found.sbom)]),
    "checked-lists": _bytes(
        CheckedLists, lambda found: [found.asked, dict(found.published), found.reviews and found.reviews.decode()]
    ),
    "checked-order": _bytes(CheckedOrder, lambda found: [found.asked, found.order]),
    "consumption": Kind(
        lambda text: Consumption.from_json_value(_LIBRARY, _TREE, json.loads(text)),
        lambda found: canonical_json(found.to_json_value()),
        lambda found: [list(found.kinds), found.static.count, list(found.headers.first)],
    ),
    "descriptor": _bytes(Descriptor, _descriptor),
    "difference": _values(
        PackageDifference, lambda found: [found.name, found.first, found.second, found.count, found.summary]
    ),
    "draft": _bytes(Draft, _draft),
    "entry": _bytes(ReleaseEntry, _entry),
    "evidence": _bytes(ReleaseEvidence, _evidence),
    "facts": _bytes(PackageFacts, _facts),
    "generation": _bytes(
        Generation, lambda found: [found.number, found.made, found.why, _set(found.set), found.set.builds]
    ),
    "image-record": _values(ImageRecord, _image),
    "index-leaf": Kind(lambda packed: read_node(packed, ""), write_node, _node),
    "ledger-line": _bytes(Line, _line),
    "ledger-state": _values(LedgerState, _ledger),
    "log-record": Kind(
        lambda text: LogRecord.from_dict(json.loads(text)),
        lambda record: json.dumps(record.to_dict()).encode(),
        lambda record: [record.time, record.stream, record.step, record.text, record.severity],
    ),
    "manifest": _bytes(
        Manifest,
        lambda found: [
            found.tree_digest,
            found.absolute_links,
            found.store_path("a", "1"),
            [entry.path for entry in found.entries],
        ],
    ),
    "mirror-record": Kind(
        lambda text: MirrorRecord.from_dict(json.loads(text)),
        MirrorRecord.to_json,
        lambda found: [
            [found.distribution, found.fingerprint, list(found.channels), found.keep, list(found.numbers)],
            [
                found.sources,
                list(found.held),
                list(found.promised),
                found.advisories,
                list(found.files),
                found.is_swept,
            ],
        ],
    ),
    "openvex": Kind(
        lambda text: read_published(text, "dist.example.org"),
        lambda found: write_openvex(found, "dist.example.org", at=max(statement.at for statement in found)),
        lambda found: [
            [
                statement.vulnerability,
                statement.package,
                statement.status,
                statement.version and [str(statement.version.version), statement.version.revision],
            ]
            for statement in found
        ],
    ),
    "osv": Kind(
        lambda text: (read_osv(text, "dist.example.org"), text),
        lambda found: found[1],  # nothing writes it again
        lambda found: [
            found[0].id,
            list(found[0].aliases),
            sorted(affected.package for affected in found[0].affected),
            found[0].published.isoformat(),
        ],
    ),
    "override": _values(Override, _override),
    "plan": _bytes(Plan, _plan),
    "recipe-contents": _bytes(RecipeContents, lambda found: [found.recipe, dict(found.files)]),
    "release": _bytes(Release, _release),
    "reviews": _bytes(
        ReviewList,
        lambda found: [
            [[review.package, review.source, review.at.isoformat()] for review in found.reviews],
            found.advisories,
            found.signed and found.signed.isoformat(),
        ],
    ),
    "run-options": Kind(
        lambda text: RunOptions.from_dict(json.loads(text), ()),
        lambda options: canonical_json(options.to_dict()),
        lambda options: [options.network, options.user, options.workdir, list(map(list, options.environment))],
    ),
    "set": _bytes(SetRecord, _set),
    "signed-policy": _values(SignedPolicy, _policy),
    "subscription": Kind(
        lambda text: Subscription(**{**json.loads(text), "mirrors": tuple(json.loads(text)["mirrors"])}),
        lambda found: (json.dumps(asdict(found), indent=1) + "\n").encode(),
        lambda found: [str(found), found.address, found.fingerprint, list(found.mirrors), found.priority],
    ),
    "test-order": _values(
        TestOrder,
        lambda order: [order.digest, order.subject, order.test.name, order.test.exit, _archives(order.closure)],
    ),
    "test-outcome": _values(
        TestOutcome, lambda found: [found.passed, found.exit, found.message, found.log, found.attestation]
    ),
    "toolchain": _values(
        ToolchainRef, lambda found: [found.name, found.tree, found.archive.digest, dict(found.debs), found.lock]
    ),
    "toolchain-lock": Kind(
        lambda text: ToolchainLock.from_text(text, name="c", file="c.lock"),
        lambda lock: lock.to_text(),
        lambda lock: [lock.digest, [[deb.name, deb.version, deb.digest, deb.filename] for deb in lock.debs]],
    ),
    "verified-release": _bytes(VerifiedRelease, _verified),
}
