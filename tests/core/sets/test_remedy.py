"""Every problem that a proof can find has a remedy."""

from __future__ import annotations

import pytest

from farm.core.sets.findings import link_problem, need_problem, problem
from farm.core.sets.findings.problem import Problem
from farm.core.sets.findings.remedy import remedy_of

KINDS = {
    kind
    for module in (link_problem, need_problem, problem)
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, Problem) and kind.code
}


@pytest.mark.parametrize("kind", sorted(KINDS, key=lambda kind: kind.code), ids=lambda kind: kind.code)
def test_each_kind_of_problem_has_a_remedy(kind: type[Problem]) -> None:
    remedy = remedy_of(object.__new__(kind))
    assert remedy.endswith(".")
    assert "`" in remedy or "Build" in remedy or "Compile" in remedy or "Link" in remedy


def test_all_kinds_are_among_them() -> None:
    assert len(KINDS) > 20
