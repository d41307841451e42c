"""The names of all gates: those that a policy can require, and those that are in force on every channel."""

from __future__ import annotations

from enum import StrEnum


class GateKind(StrEnum):
    """The kind of a gate. Policies, gate results and excuses refer to gates by this name."""

    PROOF = "proof"
    ABI = "abi"
    TESTS = "tests"
    REPRODUCED = "reproduced"
    SOAK = "soak"
    APPROVALS = "approvals"
    LICENSES = "licences"  # the spelling of stored and signed forms; see `gate_key`
    ADVISORIES = "advisories"
    HOST = "host"
    HARDENING = "hardening"
    # In force on every channel.
    HOLD = "hold"  # a curator keeps a package where it is
    ROLLED_BACK = "rolled-back"  # a rollback removed the package, or kept it out
    OLDER = "older"  # the channel has, or had, a newer version of it
    DEPENDENTS = "dependents"  # its dependents could not be built again
    TRANSITION = "transition"  # other packages of its transition do not move
    BUILD = "build"  # it could not be built
    RELEASED_TESTS = "released-tests"  # the newest tests of what the channel holds fail
    NEXT = "next"  # it passed too late for this candidate
    FREEZE = "freeze"  # the channel publishes nothing
    SIGNER = "signer"  # the signer refused the release


def gate_key(name: str) -> str:
    """Return the spelling in policies, messages and pages of a gate that a stored or signed form names."""
    return "licenses" if name == GateKind.LICENSES else name
