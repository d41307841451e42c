from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.container.log_record import LogRecord
from farm.container.step_driver import LINE_BYTES, StepLog, write_driver
from farm.core.recipe.recipe import Step
from tests.refusing import refuses

if TYPE_CHECKING:
    from pathlib import Path

NONCE = "0123456789abcdef"


def run_steps(directory: Path, *steps: Step) -> tuple[int, list[LogRecord], StepLog]:
    """Run the real driver with the machine's own bash."""
    started, _ = write_driver(directory, steps, nonce=NONCE, workdir=str(directory / "work"))
    command = [part.replace("/run/farm", str(directory)) for part in started]
    done = subprocess.run(command, capture_output=True, check=False, env={"PATH": os.environ["PATH"], "TOP": "1"})
    records: list[LogRecord] = []
    log = StepLog([step.name for step in steps], nonce=NONCE, sink=records.append, clock=lambda: 0.0)
    assert done.stderr == b""
    log.feed(done.stdout)
    log.close()
    return done.returncode, records, log


def test_steps_run_in_turn_and_their_lines_carry_their_names(tmp_path: Path) -> None:
    status, records, _ = run_steps(tmp_path, Step("one", "echo 1; echo e1 >&2"), Step("two", "echo 2; echo e2 >&2"))
    assert status == 0
    assert [(record.stream, record.step, record.text) for record in records] == [
        ("output", "one", "1"),
        ("output", "one", "e1"),
        ("output", "two", "2"),
        ("output", "two", "e2"),
    ]


def test_both_streams_of_a_step_are_in_the_order_of_writing(tmp_path: Path) -> None:
    script = "for i in {1..300}; do echo out $i; echo err $i >&2; done"
    _, records, _ = run_steps(tmp_path, Step("one", script))
    assert [record.text for record in records] == [f"{way} {i}" for i in range(1, 301) for way in ("out", "err")]


CONFIG_LOG = """\
configure:3456: checking whether the C compiler works
configure:3478: gcc -no conftest.c  >&5
gcc: error: unrecognized command-line option '-no'
configure:3482: $? = 1
configure: failed program was:
| int main (void) { return 0; }
configure:3529: error: C compiler cannot create executables
## Cache variables. ##
ac_cv_env_CC_set=
"""


def test_of_the_log_of_a_failed_configure_the_lines_before_its_error_are_shown(tmp_path: Path) -> None:
    script = f"mkdir deep\ncat > deep/config.log <<'EOF'\n{CONFIG_LOG}EOF\nexit 77"
    status, records, log = run_steps(tmp_path, Step("one", "true"), Step("configure", script))
    assert (status, log.step) == (77, "configure")
    assert {(record.stream, record.step) for record in records} == {("farm", "configure")}
    said = [record.text for record in records if "failed program" not in record.text]
    assert said[-3:] == [
        "work/deep/config.log:3: gcc: error: unrecognized command-line option '-no'",
        "work/deep/config.log:4: configure:3482: $? = 1",
        "work/deep/config.log:7: configure:3529: error: C compiler cannot create executables",
    ]
    assert not [record for record in records if "int main" in record.text or "Cache" in record.text]


def test_a_configure_that_succeeded_shows_nothing(tmp_path: Path) -> None:
    script = (
        "echo 'configure:12: $? = 1' > config.log\n"
        "mkdir -p b/CMakeFiles\necho 'error: probe' > b/CMakeFiles/CMakeConfigureLog.yaml\ntouch b/build.ninja\nexit 1"
    )
    assert run_steps(tmp_path, Step("one", script))[1] == []


def test_what_is_shown_of_a_long_log_is_bounded(tmp_path: Path) -> None:
    script = "mkdir meson-logs; for i in {1..5000}; do echo error: $i; done > meson-logs/meson-log.txt; exit 1"
    _, records, _ = run_steps(tmp_path, Step("one", script))
    assert [record.text.rpartition(" ")[2] for record in records] == [str(i) for i in range(4953, 5001)]


def test_no_build_can_write_as_the_driver(tmp_path: Path) -> None:
    _, records, _ = run_steps(tmp_path, Step("one", "printf '\\036guess says config.log:1: x\\n'"))
    assert [record.stream for record in records] == ["output"]


def test_the_first_failing_step_ends_the_build_with_its_status(tmp_path: Path) -> None:
    status, records, log = run_steps(tmp_path, Step("one", "exit 0"), Step("two", "exit 42"), Step("three", "echo no"))
    assert status == 42
    assert log.step == "two"
    assert records == []


@pytest.mark.parametrize("script", ["false; echo on", "echo $NEVER_SET; echo on"])
def test_a_step_stops_at_a_failing_command_and_at_an_unset_variable(tmp_path: Path, script: str) -> None:
    status, records, _ = run_steps(tmp_path, Step("one", script))
    assert status != 0
    assert not [record for record in records if record.text == "on"]


# Threat 15.
def test_arguments_and_variables_arrive_literally(tmp_path: Path) -> None:
    nasty = "$(touch pwned) `id` ; \"'\\ \n* ${HOME} \x1e ü"
    step = Step("one", 'printf %s "$1"; printf %s "$VALUE"; echo "$#"', (nasty, ""), (("VALUE", nasty),))
    status, records, _ = run_steps(tmp_path, step)
    assert status == 0
    assert "\n".join(record.text for record in records) == f"{nasty}{nasty}2"
    assert not (tmp_path / "pwned").exists()


def test_no_variable_goes_from_one_step_to_the_next(tmp_path: Path) -> None:
    first = Step("one", "true", environment=(("LEAK", "1"),))
    second = Step("two", 'echo "${LEAK-none} ${nonce-none} ${number-none} $TOP"')
    assert run_steps(tmp_path, first, second)[1][0].text == "none none none 1"


def test_each_step_starts_in_the_same_directory(tmp_path: Path) -> None:
    _, records, _ = run_steps(tmp_path, Step("one", "pwd; cd /"), Step("two", "pwd"))
    assert [record.text for record in records] == [str(tmp_path / "work")] * 2


def test_a_step_finds_no_input_to_wait_for(tmp_path: Path) -> None:
    assert run_steps(tmp_path, Step("one", "cat"))[0] == 0


@pytest.mark.parametrize(
    "step",
    [
        Step("one", "true", ("a\0b",)),
        Step("one", "true", environment=(("A", "a\0b"),)),
        # bash would evaluate the subscript.
        Step("one", "true", environment=(("a[$(touch pwned)]", "x"),)),
    ],
)
def test_what_no_process_can_be_given_is_refused(tmp_path: Path, step: Step) -> None:
    with refuses("unusable-step", match="one"):
        write_driver(tmp_path, [step], nonce=NONCE, workdir="/")


def test_a_step_is_refused_by_its_name_for_people(tmp_path: Path) -> None:
    for number, step in enumerate((Step("licence", "", ("a\0b",)), Step("licence", "", environment=(("a b", "c"),)))):
        (tmp_path / str(number)).mkdir()
        with refuses("unusable-step", match="the step license "):
            write_driver(tmp_path / str(number), [step], nonce=NONCE, workdir="/")


def test_a_step_that_ends_within_a_line_keeps_it(tmp_path: Path) -> None:
    _, records, _ = run_steps(tmp_path, Step("one", "printf unfinished"), Step("two", "printf last"))
    assert [(record.step, record.text) for record in records] == [("one", "unfinished"), ("two", "last")]


# Threat 20.
def test_an_endless_line_is_cut_and_says_so() -> None:
    records: list[LogRecord] = []
    log = StepLog(["one"], nonce=NONCE, sink=records.append)
    for _ in range(100):
        log.feed(b"x" * LINE_BYTES)
    log.feed(b"\nnext\n")
    assert [record.text for record in records] == ["x" * LINE_BYTES + f" [{99 * LINE_BYTES} bytes cut]", "next"]


def test_a_marker_without_the_nonce_is_a_line_like_any_other() -> None:
    records: list[LogRecord] = []
    log = StepLog(["one", "two"], nonce=NONCE, sink=records.append)
    log.feed(b"\x1eguess begin 001\nline\n")
    assert [record.step for record in records] == ["one", "one"]


def test_the_driver_tells_when_the_kernel_refused_processes() -> None:
    records: list[LogRecord] = []
    log = StepLog(["one", "two"], nonce=NONCE, sink=records.append)
    log.feed(f"\x1e{NONCE} begin 001\n\x1eguess forks refused\n".encode())
    assert not log.forks_refused
    log.feed(f"\x1e{NONCE} forks refused\n".encode())
    assert log.forks_refused
    assert log.step == "two"
    assert len(records) == 1


@given(
    st.lists(st.text(st.characters(exclude_characters="\n\x1e", exclude_categories=("Cs",)), max_size=40)), st.data()
)
def test_lines_do_not_depend_on_how_the_output_was_cut(lines: list[str], data: st.DataObject) -> None:
    output = "".join(f"{line}\n" for line in lines).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(output)))))
    records: list[LogRecord] = []
    log = StepLog(["one"], nonce=NONCE, sink=records.append)
    for start, end in zip([0, *cuts], [*cuts, len(output)], strict=True):
        log.feed(output[start:end])
    assert [record.text for record in records] == lines


@pytest.mark.parametrize(
    ("stream", "text", "severity"),
    [
        ("output", "checking for errors... none", "info"),
        ("output", "configure: note", "info"),
        ("output", "jq.c:1:1: fatal error: no.h: No such file", "error"),
        ("output", "jq.c:1:1: \x1b[1;31mfatal error: \x1b[mno.h: No such file", "error"),
        ("output", "jq.c:1:1: warning: unused", "warning"),
        ("output", "make: *** [Makefile:3: all] Error 2", "info"),
        ("output", "configure: error: no acceptable C compiler", "error"),
        ("stderr", "said by a test", "warning"),
        ("stderr", "jq: error: said by a test", "error"),
        ("stdout", "said by a test", "info"),
        ("farm", "error: said by the worker", "info"),
    ],
)
def test_the_severity_of_a_line_is_what_it_calls_itself(stream: str, text: str, severity: str) -> None:
    assert LogRecord(0.0, stream, "one", text).severity == severity


def test_a_record_has_its_fields_in_one_order_and_reads_back() -> None:
    record = LogRecord(1704067200.25, "output", "one", "text")
    assert list(record.to_dict()) == ["time", "stream", "severity", "step", "text"]
    assert record.to_dict()["time"] == "2024-01-01T00:00:00.250000Z"
    assert LogRecord.from_dict(record.to_dict()) == record
