"""Puts the policy of each channel in force, or records why the channel waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from farm.core.names.canonical_json import canonical_json
from farm.server.channels import channel_troubles, releases
from farm.server.identities.access import Actor, audit
from farm.server.submissions.owners import apply_owners

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.core.policy.channel import ChannelPolicy
    from farm.core.policy.policies import Policies
    from farm.server.transaction.unit_of_work import UnitOfWork


def apply_policies(unit: UnitOfWork, said: Policies) -> None:
    """Put the valid policies in force; every other channel waits, with the reason.

    A channel that waits keeps its earlier policy. Each change adds a line to the audit trail. An error in the file of
    owners is shown for each channel.
    """
    apply_owners(unit, said)
    owners = (said.owners_unsigned,) if said.owners_unsigned else ()
    for name, policy in said.policies.items():
        text = canonical_json(in_force(policy, said.curators)).decode()
        before = releases.policy_text(unit.session, name)
        if before and before != text:
            audit(unit, Actor("control"), "policy", f"channel {name}", "what the files say has changed", channel=name)
        releases.ensure_channel(unit.session, name, text)
        channel_troubles.set_trouble(unit.session, name, ())
        channel_troubles.set_unsigned(unit.session, name, (*said.unsigned.get(name, ()), *owners))
    gone = set(releases.channels(unit.session)) - set(said.policies) - set(said.troubles)
    missing = {name: (f"channels/{name}.yaml: the file is gone. Put it back.",) for name in gone}
    for name, lines in (dict(said.troubles) | missing).items():
        channel_troubles.set_trouble(unit.session, name, lines)


def in_force(policy: ChannelPolicy, curators: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Return a policy as it is stored: with the people, and their public keys, of each group that must approve."""
    form = policy.to_dict()
    for gate in form["gates"]:
        if gate["gate"] == "approvals":
            gate["people"] = dict(curators.get(gate["of"], {}))
    return form
