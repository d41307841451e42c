"""Reading `channels/*.yaml`: each file by itself, then all of them against each other and the rest of the tree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast, get_args

from farm.core.files import values
from farm.core.files.duration import read_duration
from farm.core.files.fields import Fields
from farm.core.files.matching import Matching
from farm.core.files.problems import RecipeError, quoted, suggestion
from farm.core.names.channel_name import ROLES, faults_of_channel_names
from farm.core.policy.channel import ChannelPolicy, Rebuild, Transition
from farm.core.policy.gate_kind import gate_key
from farm.core.policy.gates.approvals import ApprovalsGate
from farm.core.policy.gates.registry import read_gate
from farm.core.policy.gates.set_gates import TestsGate

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from farm.core.files.document import Node, Observe, Warn
    from farm.core.files.problems import Problem
    from farm.core.policy.gates.gate import Gate

KEYS = ("from", "gates", "rebuild", "role", "cadence", "transitions")
TRANSITION_KEYS = ("name", "packages")

_role = Matching(
    r"[a-z](?:-?[a-z0-9]){0,62}",
    "cannot be the name of a role",
    "Use a-z, 0-9 and single hyphens between them, and begin with a letter.",
)


@dataclass(frozen=True, slots=True)
class _Draft:
    """A channel's file as far as it can be understood by itself; `gates` has the nodes of the gates."""

    policy: ChannelPolicy
    fields: Fields
    gates: tuple[tuple[Gate, Node], ...]


@dataclass(frozen=True, slots=True)
class ChannelSurvey:
    """The content of the channel files: the policies of valid files, and the problems of the others.

    Both by the channel's name.
    """

    policies: Mapping[str, ChannelPolicy]
    problems: Mapping[str, tuple[Problem, ...]]


def read_channels(
    files: Mapping[str, bytes],
    *,
    curators: Mapping[str, Mapping[str, str]] | None = None,
    packages: Collection[str] | None = None,
    warn: Warn | None = None,
) -> Mapping[str, ChannelPolicy]:
    """Read the policies of all channels, by name; the file name gives the name.

    `curators` are the groups whose approval may be required, `packages` the existing names; None means that they are
    unknown, and names are not checked against them. `warn` is called for deprecated keys. Raises one `RecipeError` for
    all files.
    """
    found = survey_channels(files, curators=curators, packages=packages, warn=warn)
    if found.problems:
        raise RecipeError(problem for problems in found.problems.values() for problem in problems)
    return found.policies


def survey_channels(
    files: Mapping[str, bytes],
    *,
    curators: Mapping[str, Mapping[str, str]] | None = None,
    packages: Collection[str] | None = None,
    warn: Warn | None = None,
) -> ChannelSurvey:
    """Read what can be read: a mistake in a file concerns only its own channel."""
    problems: dict[str, tuple[Problem, ...]] = {}
    drafts: dict[str, _Draft] = {}
    for path, text in sorted(files.items()):
        name = channel_of(path)
        try:
            drafts[name] = _read(text, path, name, warn)
        except RecipeError as error:
            problems[name] = error.problems
    known = {channel_of(path) for path in files}
    faults = list(faults_of_channel_names(known))
    for name, draft in drafts.items():
        try:
            # The name is not in the text: the place is the start of the text.
            for fault in faults:
                if fault.name == name:
                    draft.fields.document.report(draft.fields.node, fault.message, fault.remedy)
            _check_source(draft, drafts, known)
            _check_role(draft, drafts)
            _check_groups(draft, curators)
            _check_transitions(draft, packages)
            draft.fields.document.finish()
        except RecipeError as error:
            problems[name] = error.problems
    return ChannelSurvey(
        {name: draft.policy for name, draft in drafts.items() if name not in problems}, dict(sorted(problems.items()))
    )


def channel_of(path: str) -> str:
    """Return the name of the channel whose policy is in a file."""
    return path.rpartition("/")[2].removesuffix(".yaml")


def read_channel(text: bytes, file: str, *, observe: Observe | None = None) -> ChannelPolicy:
    """Read one file by itself, without the other channels. Raises `RecipeError`."""
    draft = _read(text, file, channel_of(file), None, observe)
    return draft.fields.document.finished(draft.policy)


def _read(text: bytes, file: str, name: str, warn: Warn | None, observe: Observe | None = None) -> _Draft:
    fields = Fields.of_file(text, file, "a channel", known=KEYS, required=("gates",), warn=warn, observe=observe)
    document = fields.document
    gates = tuple((gate, node) for node in fields.items("gates") if (gate := read_gate(document, node)))
    policy = ChannelPolicy(
        name,
        tuple(gate for gate, _ in gates),
        fields.parsed("from", values.word) or "",
        cast("Rebuild", fields.choice("rebuild", "static-consumers", get_args(Rebuild))),
        fields.parsed("role", _role) or "",
        read_duration(document, cadence, "cadence", "24h") if (cadence := fields.get("cadence")) else None,
        tuple(_transitions(fields)),
    )
    draft = _Draft(policy, fields, gates)
    _check_gates(draft)
    return draft


def _transitions(fields: Fields) -> list[Transition]:
    found: list[Transition] = []
    for node in fields.items("transitions"):
        part = Fields(fields.document, node, "a transition", known=TRANSITION_KEYS, required=TRANSITION_KEYS)
        name = part.parsed("name", values.word) or ""
        packages = part.unique("packages", values.short_name)
        if "packages" in part and len(packages) < 2:
            part.report(
                "packages",
                f"the transition {name} needs at least two packages",
                "Name the packages that move together.",
            )
        if name and any(name == other.name for other in found):
            part.report("name", f"there are two transitions {name}", "Rename one of them.")
        found.append(Transition(name, packages))
    return found


def _check_gates(draft: _Draft) -> None:
    """Record an order of gates that no candidate could pass, or that would let a broken one pass."""
    fields, kinds = draft.fields, [gate.kind for gate, _ in draft.gates]
    for place, (gate, node) in enumerate(draft.gates):
        if gate.kind in kinds[:place]:
            fields.document.report(node, f"the gate {gate_key(gate.kind)} is listed twice", "Keep one of them.")
    written = {_kind_of(node) for node in fields.items("gates")}
    listed = fields.get("gates")
    if "proof" not in written and listed is not None and listed.kind == "list":
        fields.report("gates", "the channel lacks the gate proof", "Add proof: without it a broken set could pass.")
    for gate, node in draft.gates:
        if gate.kind == TestsGate.kind and "proof" in kinds[kinds.index(gate.kind) :]:
            fields.document.report(
                node, "the gate tests comes before proof", "Move it after proof, which costs nothing."
            )
        if gate.kind == "soak" and "from" not in fields:
            fields.document.report(
                node,
                "the gate soak needs a source channel, and this channel takes fresh builds",
                "Add from, or remove the gate soak.",
            )


def _kind_of(node: Node) -> str:
    return node.pairs[0][0].text if len(node.pairs) == 1 else node.text


def _check_source(draft: _Draft, drafts: Mapping[str, _Draft], known: Collection[str]) -> None:
    name, source = draft.policy.name, draft.policy.from_channel
    if not source:
        return
    if source not in known or source == name:
        message = f"the channel {name} cannot take packages from {quoted(source)}"
        draft.fields.report("from", message, suggestion(source, set(known) - {name}))
        return
    way = [name]
    while source in drafts and source not in way:
        way.append(source)
        source = drafts[source].policy.from_channel
    # Each channel of a cycle would report it; only the first of them by name does.
    if source == name and name == min(way):
        cycle = " from ".join([*way, name])
        draft.fields.report(
            "from", f"channels take packages from each other in a cycle: {cycle}", "Let one take fresh builds."
        )


def _check_role(draft: _Draft, drafts: Mapping[str, _Draft]) -> None:
    """Record a role that is not the channel's own: clients accept releases only from the role of the channel's name."""
    name, role = draft.policy.name, draft.policy.role
    if role in ("", name):
        return
    if role in ROLES:
        why = f"{role} is a role of the repository"
    elif other := next(
        (channel for channel in drafts if channel != name and role in (channel, drafts[channel].policy.role)), ""
    ):
        why = f"{role} is that of the channel {other}"
    else:
        why = f"releases of {name} are signed by the role {name}"
    draft.fields.report("role", f"the channel {name} cannot have the role {role}: {why}", f"Write role: {name}.")


def _check_groups(draft: _Draft, curators: Mapping[str, Mapping[str, str]] | None) -> None:
    for gate, node in draft.gates:
        if not isinstance(gate, ApprovalsGate) or curators is None:
            continue
        group = curators.get(gate.of)
        if group is None:
            remedy = suggestion(gate.of, curators) or "Write curators.yaml with the group's people and their keys."
            draft.fields.document.report(node, f"there is no group of curators named {gate.of}", remedy)
        elif gate.count > len(group):
            message = f"{gate.count} approvals by {gate.of} are required, and the group has {len(group)} people"
            draft.fields.document.report(node, message, "Require fewer, or add people to curators.yaml.")


def _check_transitions(draft: _Draft, packages: Collection[str] | None) -> None:
    if packages is None:
        return
    for node, transition in zip(draft.fields.items("transitions"), draft.policy.transitions, strict=True):
        listed = next((value for key, value in node.pairs if key.text == "packages"), node)
        for item in listed.items:
            if item.text in transition.packages and item.text not in packages:
                message = f"the transition {transition.name} names {item.text}, which no recipe makes"
                draft.fields.document.report(item, message, suggestion(item.text, packages))
