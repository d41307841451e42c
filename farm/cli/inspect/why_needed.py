"""Why a package is needed on this machine: a section of `farm why`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.cli.inspect.why_sections import Section

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farm.cli.inspect.why_sections import Question


def chain_line(chain: Sequence[str]) -> str:
    """Return the line about a chain of needs."""
    return f"  {chain[0]} was requested" + (f": {' → '.join(chain)}" if len(chain) > 1 else "")


def needed(question: Question) -> Section:
    """Return the chains by which the package is in each root of this machine that holds it."""
    from farm.cli.subscriber import open_host
    from farm.client.audit.dependents import understand, who_needs
    from farm.client.audit.need_chains import chains_to
    from farm.client.audit.need_sets import root_needs
    from farm.client.root.known_roots import roots

    host = open_host(question.settings)
    lines, forms = [], []
    for root in roots(host.state):
        asked = root_needs(host, root)
        if question.short not in asked.packages.members and question.name not in asked.packages.members:
            continue
        wanted = understand(question.name, asked.packages, asked.where)
        chains = chains_to(wanted, asked, who_needs(wanted, asked.packages, asked.facts))
        forms.append({"root": str(root), "chains": chains})
        lines.append(f"needed in {root}:")
        lines += map(chain_line, chains) if chains else ["  no requested package needs it"]
    if not lines:
        lines = ["needed: in no root of this machine; --image looks in an image, --reverse in a channel"]
    return Section(forms, lines, knows=bool(forms))
