"""Releases, runs of sets, excuses and what curators decided as JSON values, as the API and `--json` tell them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from farm.core.names.printed_version import FIRST_BUILD
from farm.core.policy.gate_kind import GateKind
from farm.server.curation.ordering import describe_order
from farm.server.tables.states import Role

if TYPE_CHECKING:
    from datetime import datetime

    from farm.server.channels.candidates import SetRun
    from farm.server.channels.excuses import KeptExcuse
    from farm.server.channels.releases import Freeze, ReleaseRecord
    from farm.server.curation.holds import Hold
    from farm.server.curation.orders import Order
    from farm.server.curation.reports import Report
    from farm.server.curation.signed_orders import SignedOrder
    from farm.server.tables.records import ImportedPackage, Package


_WORTH_ANOTHER_LOOK = (GateKind.TESTS, GateKind.SIGNER, GateKind.ROLLED_BACK, GateKind.OLDER)
_WORTH_ANOTHER_TRY = (GateKind.BUILD, GateKind.REPRODUCED, GateKind.DEPENDENTS, GateKind.RELEASED_TESTS)


def release_to_dict(record: ReleaseRecord) -> dict[str, Any]:
    """Return a release."""
    return {
        "channel": record.channel,
        "number": record.number,
        "digest": record.digest,
        "previous": record.previous or None,
        "package-set": record.set_digest,
        "packages": record.packages,
        "released-at": time_text(record.released_at),
        "published-at": time_text(record.published_at),
    }


def excuse_to_dict(kept: KeptExcuse) -> dict[str, Any]:
    """Return an excuse. `package` is empty when the whole set is held; `retry` is a command, empty when none helps."""
    excuse = kept.excuse
    return {
        "id": kept.id,
        "channel": kept.channel,
        "candidate": kept.candidate,
        "package": excuse.package,
        "version": excuse.version,
        "descriptor": excuse.digest,
        "gate": excuse.gate,
        "reason": excuse.reason,
        "root": excuse.root or excuse.package,
        "owner": excuse.owner,
        "job": excuse.job,
        "line": excuse.line,
        "partners": list(excuse.partners),
        "remedy": excuse.remedy,
        "retry": retry_command(kept),
        "retry-job": retried_job(kept),
        "retry-needs": retry_role(kept) or None,
        "since": time_text(kept.since),
        "until": time_text(excuse.until),
        "cleared-at": time_text(kept.cleared_at),
        "cleared-by": kept.cleared_by,
    }


def retry_command(kept: KeptExcuse) -> str:
    """Return the command that has what an excuse says looked at again; empty where the answer would be the same."""
    if job := retried_job(kept):
        return f"farm retry {job}"
    return " ".join(["farm candidate retry", kept.channel, kept.excuse.package]).rstrip() if _is_seen_to(kept) else ""


def retried_job(kept: KeptExcuse) -> int | None:
    """Return the job that is tried again for what an excuse says; None where that would not help."""
    excuse = kept.excuse
    if kept.cleared_at is not None or excuse.under_way or excuse.gate not in _WORTH_ANOTHER_TRY:
        return None
    return excuse.job


def retry_role(kept: KeptExcuse) -> str:
    """Return the role that `retry_command` needs: the owner of a package need not have it. Empty where none helps."""
    if retried_job(kept):
        return Role.MAINTAINER
    return Role.CURATOR if _is_seen_to(kept) else ""


def _is_seen_to(kept: KeptExcuse) -> bool:
    """Say whether a curator may have the package looked at again."""
    return kept.cleared_at is None and kept.excuse.gate in _WORTH_ANOTHER_LOOK


def held_text(kept: KeptExcuse) -> str:
    """Return what is held back: a package with its version, or the whole set."""
    return f"{kept.excuse.package} {kept.excuse.version}".strip() or "the whole set"


def order_to_dict(order: Order) -> dict[str, Any]:
    """Return an order."""
    return {
        "id": order.id,
        "channel": order.channel,
        "kind": order.kind,
        "detail": dict(order.detail),
        "summary": describe_order(order),
        "why": order.reason,
        "ordered-by": order.ordered_by,
        "at": time_text(order.at),
        "candidate": order.candidate_id,
        "done-at": time_text(order.done_at),
        "ending": order.ending,
        "outcome": order.outcome,
    }


def signed_order_to_dict(order: SignedOrder) -> dict[str, Any]:
    """Return what a curator has signed, and whether the signer has it."""
    return {
        "order": order.digest,
        "channel": order.channel,
        "act": order.act,
        "curator": order.curator,
        "at": time_text(order.at),
        "brought-at": time_text(order.brought_at),
        "refused": order.refused,
    }


def freeze_to_dict(freeze: Freeze) -> dict[str, Any]:
    """Return a freeze."""
    return {"why": freeze.why, "by": freeze.by, "at": time_text(freeze.at), "until": time_text(freeze.until)}


def hold_to_dict(hold: Hold) -> dict[str, Any]:
    """Return a hold of a curator."""
    return {
        "channel": hold.channel,
        "package": hold.package,
        "why": hold.reason,
        "by": hold.held_by,
        "at": time_text(hold.at),
        "until": time_text(hold.until),
    }


def report_to_dict(report: Report) -> dict[str, Any]:
    """Return a report of trouble."""
    return {
        "id": report.id,
        "channel": report.channel,
        "package": report.name,
        "version": report.version,
        "descriptor": report.package,
        "why": report.reason,
        "by": report.reported_by,
        "at": time_text(report.at),
        "resolved-at": time_text(report.resolved_at),
        "resolved-by": report.resolved_by,
    }


def run_to_dict(run: SetRun) -> dict[str, Any]:
    """Return the run of one set."""
    return {
        "package-set": run.set_digest,
        "purpose": run.purpose,
        "atoms": run.atoms,
        "tests": run.tests,
        "state": run.state,
        "started-at": time_text(run.started_at),
        "ended-at": time_text(run.ended_at),
    }


def version_text(package: Package | ImportedPackage) -> str:
    """Return the whole version of a package: `1.7.1-1`."""
    return package.printed_version


def build_to_dict(package: Package | ImportedPackage) -> dict[str, int]:
    """Return the build number of a package, where it has one to be shown."""
    return {"build": package.build} if package.build != FIRST_BUILD else {}


def time_text(at: datetime | None) -> str | None:
    """Return a time as RFC 3339."""
    return at.isoformat() if at else None
