"""Reading a subscriber's policy: what may be installed, made into images and run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta  # noqa: TC003  (a value's type hints can be read)
from typing import TYPE_CHECKING, Literal, cast, get_args

from farm.core.files import values
from farm.core.files.duration import duration
from farm.core.files.fields import Fields
from farm.core.files.matching import Matching

if TYPE_CHECKING:
    from farm.core.files.document import Observe

KEYS = ("channels", "maximum-severity", "reviewed-within", "overrides", "minimum-attestations", "capabilities")
Severity = Literal["none", "low", "medium", "high", "critical"]
Overriding = Literal["allowed", "forbidden"]
MOST_BUILDERS = 16

_channel = Matching(
    r"[A-Za-z0-9.-]+/[a-z0-9][a-z0-9+.-]*",
    "is not a channel of a distribution",
    "Write it as dist.example.org/stable.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A subscriber's policy. Values that are not set do not limit anything.

    None for `channels` and `capabilities` allows any, an empty `maximum_severity` any severity. `reviewed_within` is
    the maximum age of each package's last review for vulnerabilities. `minimum_attestations` is how many builders must
    have built each package independently; `by_command` means that the severity was set by a command, and not by a file.
    """

    channels: tuple[str, ...] | None = None
    maximum_severity: Severity | Literal[""] = ""
    reviewed_within: timedelta | None = None
    overrides: Overriding = "allowed"
    minimum_attestations: int = 0
    capabilities: tuple[str, ...] | None = None
    by_command: bool = False

    @property
    def limits_nothing(self) -> bool:
        """Whether everything may run."""
        return self == Policy()


def read_policy(text: bytes, file: str, *, observe: Observe | None = None) -> Policy:
    """Read a policy; raises `RecipeError` with all its problems."""
    fields = Fields.of_file(text, file, "a policy", known=KEYS, observe=observe)
    severity = fields.choice("maximum-severity", "critical", get_args(Severity))
    overrides = fields.choice("overrides", "allowed", get_args(Overriding))
    policy = Policy(
        channels=fields.unique("channels", _channel) if "channels" in fields else None,
        maximum_severity=cast("Severity", severity) if "maximum-severity" in fields else "",
        reviewed_within=fields.parsed("reviewed-within", duration),
        overrides=cast("Overriding", overrides),
        minimum_attestations=fields.integer("minimum-attestations", 0, least=1, most=MOST_BUILDERS),
        capabilities=fields.unique("capabilities", values.capability) if "capabilities" in fields else None,
    )
    if policy.channels == () and not fields.document.problems:
        fields.report("channels", "no channel is allowed, so that nothing could run", "Name one, or leave the key out.")
    return fields.document.finished(policy)


def stricter(policy: Policy, severity: str) -> Policy:
    """Return a policy that also refuses everything worse than `severity`; an empty one changes nothing."""
    order = get_args(Severity)
    if not severity or (policy.maximum_severity and order.index(policy.maximum_severity) <= order.index(severity)):
        return policy
    return replace(policy, maximum_severity=cast("Severity", severity), by_command=True)
