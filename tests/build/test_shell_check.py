"""Shell text is read by bash and shellcheck themselves, and never run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from farm.build.shell_check import ShellPrograms
from farm.core.lint.finding import Severity
from farm.errors import FarmError

if TYPE_CHECKING:
    from pathlib import Path

INSTALLED = ShellPrograms.installed()
needs_shellcheck = pytest.mark.skipif(INSTALLED.shellcheck is None, reason="shellcheck is not installed")
BASH = ShellPrograms(INSTALLED.bash, None)


def test_text_that_bash_cannot_read_is_reported_at_its_line() -> None:
    fine, unclosed, wrong = BASH(["for x in a; do echo $x; done", "if true; then\n  echo\n", "echo\necho )\n"])
    assert fine == []
    assert [(found.line, found.check, found.severity) for found in unclosed] == [(2, "", Severity.ERROR)]
    assert [found.line for found in wrong] == [2]
    assert "syntax error" in wrong[0].message
    assert BASH.codes == {"P101"}


def test_the_callers_environment_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSIXLY_CORRECT", "1")
    assert BASH(["a-b() { echo; }"]) == [[]]


def test_nothing_of_the_text_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # BASH_ENV names a file that bash runs before a script.
    (tmp_path / "env").write_text(f"touch {tmp_path}/ran\n")
    monkeypatch.setenv("BASH_ENV", str(tmp_path / "env"))
    texts = [
        f"touch {tmp_path}/ran",
        f"$(touch {tmp_path}/ran)",
        f"x[$(touch {tmp_path}/ran)]=1",
        f"cat <(touch {tmp_path}/ran)",
    ]
    INSTALLED(texts)
    assert not (tmp_path / "ran").exists()


def test_without_programs_nothing_is_reported() -> None:
    none = ShellPrograms(None, None)
    assert none(["if"]) == [[]]
    assert none.codes == frozenset()


@needs_shellcheck
def test_shellcheck_reports_mistakes_with_its_own_severity() -> None:
    texts = ['for file in $(ls); do echo "$file"; done', "x=1\n", "cc $CFLAGS x.c", "cd build\nmake", "if"]
    ls, unused, words, after_cd, unreadable = INSTALLED(texts)
    assert [(found.line, found.column, found.check, found.severity) for found in ls] == [
        (1, 13, "SC2045", Severity.ERROR)
    ]
    assert [(found.line, found.column, found.check, found.severity) for found in unused] == [
        (1, 1, "SC2034", Severity.WARNING)
    ]
    # Flags have to be split, and a step ends where cd fails.
    assert words == after_cd == []
    assert [found.check for found in unreadable] == [""]


@needs_shellcheck
def test_many_texts_are_given_to_shellcheck_in_batches() -> None:
    texts = [f"x{number}=1\n" for number in range(101)]
    shown: list[str] = []
    found = ShellPrograms(INSTALLED.bash, INSTALLED.shellcheck, shown.append)(texts)
    assert [complaints[0].message.split()[0] for complaints in found] == [f"x{number}" for number in range(101)]
    assert shown[-1] == "shellcheck reads shell text 101 of 101"


def test_a_shellcheck_that_does_not_work_is_an_error(tmp_path: Path) -> None:
    broken = tmp_path / "shellcheck"
    broken.write_text("#!/bin/sh\necho no such option >&2\nexit 3\n")
    broken.chmod(0o755)
    with pytest.raises(FarmError, match="ended with status 3: no such option") as caught:
        ShellPrograms(None, str(broken))(["true"])
    assert caught.value.code == "shellcheck-failed"
