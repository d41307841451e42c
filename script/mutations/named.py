"""Mutations with a name: decisions that could once be removed without any test of their own subpackage failing.

Each replaces a text that must be in its module exactly once, so that moving the decision elsewhere is noticed here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Named:
    """In `module` the text `old` becomes `new`. `what` is the loss."""

    name: str
    subject: str
    module: str
    what: str
    old: str
    new: str


NAMED = (
    Named(
        "total-limit",
        "archive",
        "farm/core/fileset/archive_reader.py",
        "an archive may have one byte more than all its files together may",
        "if self._bytes > self._limits.total_bytes:",
        "if self._bytes > self._limits.total_bytes + 1:",
    ),
    Named(
        "imported-needs",
        "signer",
        "farm/checker/builds/release_check.py",
        "what an imported package needs is not looked for in the release",
        "        check.needs(name, package.needs)\n",
        "        pass\n",
    ),
    Named(
        "imported-needs-followed",
        "signer",
        "farm/trust/index/tree.py",
        "what an imported package needs does not come along with it",
        "needs = imported[name][1].needs",
        "needs = ()",
    ),
    Named(
        "other-distribution",
        "signer",
        "farm/checker/builds/release_check.py",
        "a package may lie in the namespace of another distribution",
        "if descriptor.name.distribution != self._release.distribution:",
        "if False:",
    ),
    Named(
        "other-distribution-seen",
        "signer",
        "farm/trust/verification/release_package.py",
        "a client takes a package that lies in the namespace of another distribution",
        "named = (descriptor.name.distribution, descriptor.name.short,",
        "named = (release.distribution, descriptor.name.short,",
    ),
    Named(
        "other-owner",
        "signer",
        "farm/trust/metadata/repository.py",
        "a repository takes the release of another distribution",
        "if owner != release.distribution:",
        "if False:",
    ),
    Named(
        "signed-archive-size",
        "signer",
        "farm/trust/index/release_index.py",
        "a release may name an archive that is one byte larger than clients fetch",
        "if blob.size > LARGEST[kind]:",
        "if blob.size > LARGEST[kind] + 1:",
    ),
    Named(
        "checked-archive-limits",
        "signer",
        "farm/checker/reading/archive_contents.py",
        "the checker reads an archive that no client would unpack",
        "limits=ArchiveLimits()",
        "limits=ArchiveLimits(file_bytes=1 << 60)",
    ),
    Named(
        "lease-at-its-end",
        "leases",
        "farm/server/jobs/leases.py",
        "a lease is held at the moment at which it runs out",
        "if attempt.expires_at <= unit.now:",
        "if attempt.expires_at < unit.now:",
    ),
    Named(
        "token-compared",
        "leases",
        "farm/server/jobs/attempts.py",
        "any token will do",
        "AttemptRow.id == attempt_id, AttemptRow.worker == worker, AttemptRow.token_digest == token_digest",
        "AttemptRow.id == attempt_id, AttemptRow.worker == worker",
    ),
    Named(
        "lease-expiry",
        "leases",
        "farm/server/jobs/attempts.py",
        "a lease that has run out is changed as if it were live",
        ", col(AttemptRow.expires_at) > now\n",
        "\n",
    ),
    Named(
        "lease-expiry-noticed",
        "leases",
        "farm/server/jobs/attempts.py",
        "a lease counts as lost before its grace is over",
        "col(AttemptRow.expires_at) < before)",
        "col(AttemptRow.expires_at) <= before)",
    ),
    Named(
        "version-of-a-copy",
        "proof",
        "farm/core/sets/linking/scope_symbols.py",
        "a copied variable is looked for without its version",
        "found = _first(copied.name, copied.version, (other",
        'found = _first(copied.name, "", (other',
    ),
    Named(
        "version-copied",
        "signer",
        "farm/checker/builds/release_check.py",
        "the version of an entry is copied from it, and not compared with the package's",
        "named = (descriptor.name.short, str(descriptor.version), descriptor.revision)",
        "named = (descriptor.name.short, entry.version, descriptor.revision)",
    ),
    Named(
        "gate-of-arrivals",
        "policy",
        "farm/checker/gates/gates.py",
        "the signer does not ask the gate `hardening` about what comes in",
        "    GateKind.HARDENING: asks.hardened,\n",
        "",
    ),
    Named(
        "gate-of-departures",
        "policy",
        "farm/checker/gates/gates.py",
        "the signer does not ask the gate `soak` about what goes",
        "    GateKind.SOAK: asks.gone_long_enough,\n",
        "",
    ),
    Named(
        "settings-of-a-gate",
        "policy",
        "farm/core/policy/gates/reproduced.py",
        "a file may ask for fewer builders that agree than what is signed",
        "if self.agree < signed.agree else",
        "if self.agree < 0 else",
    ),
    Named(
        "needed-digest",
        "signer",
        "farm/checker/builds/builds.py",
        "a package counts as built against any build of what its plan names",
        "found = self._by_tree.get((str(dependency.name), dependency.tree))",
        "found = next((build for (name, _), build in self._by_tree.items() if name == str(dependency.name)), None)",
    ),
    Named(
        "described-digests",
        "signer",
        "farm/trust/verification/release_package.py",
        "a client takes other facts than those that the descriptor names",
        "if (entry.manifest.digest, entry.facts.digest) != (descriptor.tree, descriptor.facts):",
        "if entry.manifest.digest != descriptor.tree:",
    ),
)
