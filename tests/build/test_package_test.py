"""Tests of packages: what counts as passed, and a root that holds the closure of the test and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from farm.build.attempt.package_test import verdict
from farm.core.plan.job import TestOrder
from farm.core.recipe.recipe import Test
from farm.trust.attestation.tester_results import verify_test_result
from tests.build.conftest import LIMITS

if TYPE_CHECKING:
    from farm.core.plan.job import BuiltPackage
    from tests.build.conftest import Bench


@pytest.mark.parametrize(
    ("test", "exit_code", "printed", "message"),
    [
        (Test("t"), 0, b"whatever", ""),
        (Test("t"), 1, b"", "it ended with status 1, not 0"),
        (Test("t", exit=5), 5, b"", ""),
        (Test("t", exit=5), 0, b"", "it ended with status 0, not 5"),
        (Test("t", prints="3"), 0, b" 3\n", ""),
        (Test("t", prints="3"), 0, b"33\n", "it printed '33', not '3'"),
        (Test("t", prints=""), 0, b"x", "it printed 'x', not ''"),
        (Test("t", prints="a\nb \nc"), 0, b"a\nb\nc", "line 2 of what it printed is 'b', not 'b '"),
        (Test("t", prints="a\nb"), 0, b"a\n", "it printed 1 line, and not line 2, 'b'"),
        (Test("t", prints="a"), 0, b"a\nb\n", "it printed 2 lines, not 1; line 2 is 'b'"),
        (Test("t", prints=""), 0, b"a\nb\n", "line 1 of what it printed is 'a', not ''"),
        (Test("t", prints="ä"), 0, "ä".encode(), ""),
        (Test("t", prints="x"), 0, b"\xff", "it printed '�', not 'x'"),
        (Test("t", matches=r"^b$"), 0, b"a\nb", "it printed 'a\\nb', in which '^b$' is not found"),
        (Test("t", matches=r"(?m)^b$"), 0, b"a\nb", ""),
        (Test("t", prints="x"), 0, bytes(2 << 20), "it printed more than 1 MiB, which cannot be compared"),
        (Test("t"), 0, bytes(2 << 20), ""),
    ],
)
def test_a_verdict_says_in_a_sentence_what_was_not_as_expected(
    test: Test, exit_code: int, printed: bytes, message: str
) -> None:
    assert verdict(test, exit_code, printed) == message


def test_an_expression_that_never_comes_to_an_end_does_not_stop_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("farm.build.attempt.package_test._MATCH_SECONDS", 0.5)
    assert "took more than 0.5 seconds" in verdict(Test("t", matches=r"(a+)+$"), 0, b"a" * 64 + b"b")


@pytest.mark.docker
class TestInItsClosure:
    @pytest.fixture
    def shell(self, bench: Bench) -> BuiltPackage:
        """A shell and the C library that it needs, from the machine's own files."""
        script = """
            mkdir -p $DESTDIR/usr/bin $DESTDIR/usr/lib
            cp /usr/bin/dash $DESTDIR/usr/bin
            cp -L /usr/lib64/ld-linux-x86-64.so.2 /usr/lib/x86_64-linux-gnu/libc.so.6 $DESTDIR/usr/lib
        """
        links = (("usr/bin/sh", "bin/dash"), ("usr/lib64/ld-linux-x86-64.so.2", "lib/ld-linux-x86-64.so.2"))
        (package,) = bench.build(script, name="shell", links=links)
        return package

    def test_shell_text_runs_and_is_compared(self, bench: Bench, shell: BuiltPackage) -> None:
        outcome = bench.test(Test("adds", run="echo $((1 + 2))", prints="3"), shell)
        assert (outcome.passed, outcome.exit, outcome.message) == (True, 0, "")
        log = [json.loads(line)["text"] for line in bench.workshop.store.read(outcome.log).splitlines()]
        assert log == ["3", "passed"]

    def test_a_command_gets_its_arguments_literally(self, bench: Bench, shell: BuiltPackage) -> None:
        command = ("sh", "-c", 'echo "$1"', "sh", "$(id) *;")
        assert bench.test(Test("t", command=command, prints="$(id) *;"), shell).passed

    def test_there_is_nothing_but_the_closure(self, bench: Bench, shell: BuiltPackage) -> None:
        bench.test(Test("t", run="echo /usr/bin/* /packages/* /usr/lib/*; command -v cc || echo no compiler"), shell)
        store = shell.descriptor.store_path
        assert bench.lines == [
            f"/usr/bin/dash /usr/bin/sh /packages/{store} /usr/lib/ld-linux-x86-64.so.2 /usr/lib/libc.so.6",
            "no compiler",
        ]

    def test_a_failure_is_an_outcome_with_its_reason(self, bench: Bench, shell: BuiltPackage) -> None:
        outcome = bench.test(Test("t", run="false; echo on"), shell)
        assert (outcome.passed, outcome.exit, outcome.message) == (False, 1, "it ended with status 1, not 0")

    @pytest.mark.parametrize("run", ["echo 3", "false"])
    def test_what_it_came_to_is_signed_with_the_workers_key(self, bench: Bench, shell: BuiltPackage, run: str) -> None:
        test = Test("t", run=run)
        outcome = bench.test(test, shell)
        assert outcome.attestation is not None
        key, archive = bench.workshop.signer.public_key, shell.as_dependency()
        order = TestOrder(test, shell.descriptor.digest, (archive,), LIMITS)
        signed = verify_test_result(bench.workshop.store.read(outcome.attestation), {key.keyid: key}, order=order)
        assert signed.outcome == replace(outcome, attestation=None)
        assert signed.run.runtime == bench.workshop.sandbox.describe()
        assert signed.run.started <= signed.run.finished

    def test_a_limit_is_named(self, bench: Bench, shell: BuiltPackage, monkeypatch: pytest.MonkeyPatch) -> None:
        # Orders have whole minutes, so a result for a fraction of a minute cannot be signed.
        monkeypatch.setattr("farm.build.attempt.package_test.result_statement", lambda *_: {})
        test = Test("t", run="while :; do echo x; done")
        assert bench.test(test, shell, log_mb=1).message == "it reached the limit log-mb = 1"
        forever = Test("t", run="while :; do :; done", minutes=0.02)  # type: ignore[arg-type]
        assert bench.test(forever, shell).message == "it reached its limit minutes = 0.02"
