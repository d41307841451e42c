"""What `farm why` learns from a farm: what caused a job, and why a package is held back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.curate.test_curating import shell

if TYPE_CHECKING:
    from tests.cli.shell import Shell

__all__ = ["shell"]  # a fixture


@pytest.fixture(autouse=True)
def nothing_here(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """No recipes, subscriptions and roots of the machine itself."""
    for name in ("RECIPES", "STATE", "HOST"):
        monkeypatch.setenv(f"FARM_{name}", str(shell.key.parent / name.lower()))


def test_an_excuse_is_shown_for_each_package_that_it_is_about(shell: Shell) -> None:
    for name in ("jq", "oniguruma", "glibc"):
        said = shell.run("why", name)
        assert "held back:\n  jq 1.7.1-2: tests, held back from edge since 2" in said
        assert "why      the test `runs` failed" in said
    assert "held back: no (channels of the farm: stable)\n" in shell.run("why", "jq", "--channel", "stable")
    (excuse,) = shell.json("why", "jq")["held"]
    assert (excuse["package"], excuse["root"]) == ("jq", "oniguruma")


def test_a_name_that_nothing_has_is_unknown(shell: Shell) -> None:
    assert "nor has the farm at" in shell.run("why", "jqq", status=1)


def test_the_cause_of_the_newest_job_is_shown(shell: Shell) -> None:
    found = shell.json("why", "jq")["at-farm"]
    assert found["cause"]["kind"] == "submission"
    lines = shell.run("why", "jq").splitlines()
    assert lines[0].startswith(f"at the farm: job {found['job']['id']} (succeeded), by submission ")
    assert lines[1] == f"  against job {found['cause']['earlier']['id']}:"
    assert "  version 1.7.1-1 → 1.7.1-2" in lines
