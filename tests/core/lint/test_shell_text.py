"""A complaint about shell text stands at its place in the YAML, however the text is written there."""

from __future__ import annotations

import pytest

from farm.core.files.document import parse
from farm.core.lint.finding import Severity
from farm.core.lint.shell_text import ShellComplaint, texts_of_recipe, texts_of_step

HERE = "HERE"


@pytest.mark.parametrize(
    "text",
    [
        "steps:\n  - run: echo HERE\n",
        "steps:\n  - run: 'echo HERE'\n",
        'steps:\n  - run: "echo HERE"\n',
        "steps: [{run: echo HERE}]\n",
        "steps:\n  - run: |\n      echo\n        HERE\n",
        "steps:\n  - run: |-\n\n      echo HERE\n\n",
        "steps:\n  - name: x\n    run: |2\n          echo HERE\n",
        "steps:\n- run: | # a comment\n   HERE\n",
        "tests:\n  - run: |\n      äöü HERE\n",
    ],
)
def test_a_complaint_points_at_the_word(text: str) -> None:
    document, root = parse(text.encode(), "x.yaml")
    (shell,) = texts_of_recipe(document, root)
    lines = shell.node.text.split("\n")
    line = next(number for number, line in enumerate(lines, 1) if HERE in line)
    complaint = ShellComplaint(line, lines[line - 1].index(HERE) + 1, "no", Severity.WARNING, "SC1")
    place = shell.finding(complaint).problem.place
    assert text.split("\n")[place.line - 1][place.column - 1 :].startswith(HERE)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        # Where lines are joined or characters are escaped, the text as a whole is pointed at.
        ("steps:\n  - run: >\n      echo\n      HERE\n", (2, 10)),
        ('steps:\n  - run: "\\techo HERE"\n', (2, 10)),
        ("steps:\n  - run: 'it''s HERE'\n", (2, 10)),
    ],
)
def test_a_complaint_about_text_that_is_written_otherwise_points_at_its_beginning(
    text: str, place: tuple[int, int]
) -> None:
    (shell,) = texts_of_recipe(*parse(text.encode(), "x.yaml"))
    found = shell.finding(ShellComplaint(1, 7, "no", Severity.WARNING, "SC1")).problem.place
    assert (found.line, found.column) == place


def test_a_whole_line_begins_at_its_first_word() -> None:
    (shell,) = texts_of_recipe(*parse(b"steps:\n  - run: |\n      if true; then\n          echo\n", "x.yaml"))
    finding = shell.finding(ShellComplaint(2, 0, "no"))
    assert (finding.problem.place.line, finding.problem.place.column) == (4, 11)
    assert (finding.code, finding.severity) == ("P101", Severity.ERROR)


def test_the_texts_of_a_step_definition_are_found() -> None:
    texts = texts_of_step(*parse(b"name: x\nrun:\n  - shell: make\n  - {name: y, shell: make install}\n", "x.yaml"))
    assert [text.node.text for text in texts] == ["make", "make install"]
