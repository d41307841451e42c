"""The signed result of a comparison of interfaces, made by the worker that carried it out.

A comparison neither passes nor fails: it says what has changed for programs built against the older library. So it is a
statement of the farm's own type, with all that is decided by.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from farm.core.plan.abi import AbiOutcome
from farm.errors import FarmError
from farm.trust.attestation.tester_statement import (
    InvalidResultError,
    Material,
    TesterRun,
    open_result,
    tester_statement,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from securesystemslib.signer import Key

    from farm.core.plan.abi import AbiOrder

ABI_RESULT = "urn:farm:abi-comparison:1"
_ORDER = "comparison-order"
_TOOLCHAIN = "toolchain"


@dataclass(frozen=True, slots=True)
class AbiResult:
    """What a tester has signed of one comparison: what it came to, and in which run."""

    outcome: AbiOutcome
    run: TesterRun


def abi_statement(order: AbiOrder, outcome: AbiOutcome, run: TesterRun) -> dict[str, Any]:
    """Return the in-toto statement that the comparison of this order came to this, in this run."""
    result = {"outcome": replace(outcome, attestation=None).to_dict()}
    subject = Material.of(order.after.package)
    return tester_statement(
        ABI_RESULT, subject=subject, materials=_materials(order), run=run, log=outcome.log, result=result
    )


def verify_abi_result(content: bytes, testers: Mapping[str, Key], *, order: AbiOrder) -> AbiResult:
    """Return what one of these testers (by key id) has signed of the comparison of these very builds.

    Raises `InvalidResultError`, or `InvalidEnvelopeError` when no key of theirs has signed.
    """
    subject = Material.of(order.after.package)
    signed = open_result(content, testers, kind=ABI_RESULT, subject=subject, materials=_materials(order))
    try:
        outcome = AbiOutcome.from_dict(signed.result.get("outcome"))
    except FarmError as error:
        raise InvalidResultError(f"what it came to cannot be read: {error.message}") from error
    if outcome.attestation is not None or outcome.log != signed.log:
        raise InvalidResultError("it names two logs, or another statement")
    return AbiResult(outcome, signed.run)


def _materials(order: AbiOrder) -> list[Material]:
    archives = (archive for side in (order.before, order.after) for archive in side.archives)
    return [Material(_ORDER, order.digest), Material(_TOOLCHAIN, order.toolchain), *map(Material.of, archives)]
