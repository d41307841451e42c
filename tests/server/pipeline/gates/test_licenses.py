from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from farm.core.policy.gates.licenses import LicensesGate
from farm.core.recipe.license import refused_licenses
from farm.server.pipeline.gates.policy_gates import package_gate

if TYPE_CHECKING:
    from tests.server.pipeline.gates.conftest import GatedChannel

GCC = "GPL-3.0-or-later WITH GCC-exception-3.1"


@pytest.mark.parametrize(
    ("expression", "deny", "refused"),
    [
        ("MIT", ["AGPL-3.0-only"], ()),
        ("AGPL-3.0-only", ["AGPL-3.0-only"], ("AGPL-3.0-only",)),
        ("MIT OR AGPL-3.0-only", ["AGPL-3.0-only"], ()),
        ("MIT AND AGPL-3.0-only", ["AGPL-3.0-only"], ("AGPL-3.0-only",)),
        ("(MIT OR AGPL-3.0-only) AND Zlib", ["AGPL-3.0-only", "Zlib"], ("Zlib",)),
        ("AGPL-3.0-only OR SSPL-1.0", ["AGPL-3.0-only", "SSPL-1.0"], ("AGPL-3.0-only",)),
        (GCC, ["GPL-3.0-or-later"], (GCC,)),
        (GCC, [GCC], (GCC,)),
        ("GPL-3.0-or-later", [GCC], ()),
    ],
)
def test_what_is_denied_keeps_out_unless_there_is_a_choice(
    expression: str, deny: list[str], refused: tuple[str, ...]
) -> None:
    assert refused_licenses(expression, deny=deny) == refused


@pytest.mark.parametrize(
    ("expression", "allow", "refused"),
    [
        ("MIT", ["MIT", "Zlib"], ()),
        ("Zlib AND MIT", ["MIT", "Zlib"], ()),
        ("Zlib AND MIT", ["MIT"], ("Zlib",)),
        ("BSD-3-Clause OR MIT", ["MIT"], ()),
        ("BSD-3-Clause OR (Zlib AND MIT)", ["MIT"], ("BSD-3-Clause",)),
        (GCC, ["GPL-3.0-or-later"], ()),
        (GCC, [GCC], ()),
        ("GPL-3.0-or-later", [GCC], ("GPL-3.0-or-later",)),
    ],
)
def test_what_is_not_allowed_keeps_out(expression: str, allow: list[str], refused: tuple[str, ...]) -> None:
    assert refused_licenses(expression, allow=allow) == refused


def test_the_gate_says_what_to_do(entrance: GatedChannel) -> None:
    assert entrance.ask(package_gate(LicensesGate(deny=("AGPL-3.0-only",)))) == {}
    assert entrance.ask(package_gate(LicensesGate(allow=("MIT",)))) == {}

    standing = entrance.ask(package_gate(LicensesGate(allow=("Zlib",))))
    assert standing.keys() == {"a", "b"}
    assert standing["a"].state == "failed"
    assert standing["a"].reason == "it is licensed MIT, and the policy allows only Zlib"
    assert standing["a"].remedy == "Leave it out of the channel, or let the channel's policy allow MIT."
    assert (
        entrance.ask(package_gate(LicensesGate(deny=("MIT",))))["b"].reason
        == "it is licensed MIT, and the policy denies MIT"
    )
