"""Sections of pages that run: a shell runs the commands shown, and their output is compared with the page.

Of the fenced blocks of a section, in their order:

- `console`, if it begins with a command: a line after `$ ` is a command, lines after `> ` continue it, the others
  are its output. A command that ends with another status than 0 is followed by `$ echo $?`. Where the output shows a
  prompt of `farm shell` (`jq@1:make ~/src$ rerun`), the command has a terminal, and what is behind it is typed there.
- any other block whose first line is `# NAME`: written to the file NAME, unchanged.

A page may name what is elsewhere in a test, such as a farm: `names` has what stands there for it.

Digests, sizes, times and ports of the loopback match any others; `…` matches any text in a line, and alone in it
any lines. Everything else must be equal, except for the widths of a table's columns.

`UPDATE_GOLDEN=1` writes the output into the page, for review, where it differs from the page. Lines of the page with
`…` stay where they match.
"""

from __future__ import annotations

import difflib
import os
import re
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.cli.pseudo_terminal import Terminal, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

ANY = "…"
_PROMPT, _MORE, _STATUS = "$ ", "> ", "echo $?"
_TYPED = re.compile(r"^(\S+@\d+:.* ~\S*\$) (.+)$")
_FENCE = re.compile(r"^```(\w*)$")
_FILE = re.compile(r"^# ([\w./-]+)$")
_LIKE = (
    (re.compile(r"\b[0-9a-f]{12,64}\b"), "DIGEST"),
    (re.compile(r"\b\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?Z?)?"), "TIME"),
    (re.compile(r"^\d\d:\d\d:\d\d\b"), "TIME"),
    (re.compile(r"\b\d+(\.\d+)? (B|kB|MB|GB)\b"), "SIZE"),
    (re.compile(r"\b\d+(\.\d+)? (ms|s|seconds?)\b"), "SECONDS"),
    (re.compile(r"\b127\.0\.0\.1:\d+"), "LOOPBACK"),
    (re.compile(r" {2,}"), "  "),
)
_READLINE = re.compile(rb"\x1b\[\?2004[hl]\r?")
"""What readline tells the terminal, about pasted text."""


@dataclass
class Step:
    """The lines `start` to `end` of a page: a file to write, or a command and its output."""

    start: int
    end: int
    file: str = ""
    command: str = ""
    lines: list[str] = field(default_factory=list)

    @property
    def typed(self) -> list[tuple[str, str]]:
        """What is typed into the command, each after its prompt."""
        return [(found[1], found[2]) for line in self.lines if (found := _TYPED.match(line))]


@dataclass(frozen=True)
class Section:
    """A section of a page: from its heading to the next one that is no deeper."""

    page: Path
    heading: str

    @property
    def lines(self) -> list[str]:
        return self.page.read_text().splitlines()

    def parts(self) -> list[tuple[str, list[Step]]]:
        """Return the steps below each heading of the section, by the heading's text."""
        lines = self.lines
        level = self.heading.split()[0]
        found: list[tuple[str, list[Step]]] = []
        number = lines.index(self.heading)
        while number < len(lines):
            fence = _FENCE.match(lines[number])
            if fence:
                end = lines.index("```", number + 1)
                found[-1][1].extend(_steps(fence[1], lines, number + 1, end))
                number = end
            elif heading := re.match(r"^(#+) (.*)$", lines[number]):
                if found and len(heading[1]) <= len(level):
                    break
                found.append((heading[2], []))
            number += 1
        return found

    def rewrite(self, printed: Sequence[tuple[Step, list[str]]]) -> None:
        """Put the output into the page."""
        lines = self.lines
        for step, output in reversed(printed):
            lines[step.end - len(step.lines) : step.end] = output
        self.page.write_text("\n".join(lines) + "\n")


def _steps(language: str, lines: Sequence[str], start: int, end: int) -> list[Step]:
    if language != "console":
        named = _FILE.match(lines[start])
        return [Step(start, end, file=named[1], lines=list(lines[start:end]))] if named else []
    if not lines[start].startswith(_PROMPT):
        return []
    found: list[Step] = []
    for number in range(start, end):
        line = lines[number]
        if line.startswith(_PROMPT):
            found.append(Step(number, number, command=line.removeprefix(_PROMPT)))
        elif line.startswith(_MORE) and not found[-1].lines:
            found[-1].command += "\n" + line.removeprefix(_MORE)
        else:
            found[-1].lines.append(line)
        found[-1].end = number + 1
    return found


class Shell:
    """One shell in which commands run one after the other; their output is returned as a terminal would show it."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder, self._environment = folder, environment
        self._process = subprocess.Popen(
            ["bash"],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def __enter__(self) -> Shell:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=60)

    def write(self, name: str, lines: Sequence[str]) -> None:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")

    def run(self, command: str) -> tuple[int, list[str]]:
        """Return the status of a command, and the lines that it printed."""
        assert self._process.stdin is not None
        text = f"{{ {command}\n}} </dev/null\nstatus=$?; printf '\\0%d\\0' $status; (exit $status)\n"
        self._process.stdin.write(text.encode())
        self._process.stdin.flush()
        output, status = self._until_zero(), self._until_zero()
        return int(status), output.splitlines()

    def type_into(self, command: str, typed: Sequence[tuple[str, str]]) -> tuple[int, list[str]]:
        """Run a command on a terminal, type lines after their prompts, and return its status and what it showed."""
        terminal = Terminal(("bash", "-c", command), self._environment, self._folder)
        for prompt, line in typed:
            terminal.until(re.escape(prompt) + " ")
            terminal.type(line + "\r")
        status = terminal.ended()
        return status, text_of(_READLINE.sub(b"", terminal.shown)).splitlines()

    def _until_zero(self) -> str:
        assert self._process.stdout is not None
        content = bytearray()
        while (byte := self._process.stdout.read(1)) != b"\0":
            assert byte, f"the shell has ended: {content.decode()}"
            content += byte
        return content.decode()


def walk(
    section: Section,
    folder: Path,
    environment: Mapping[str, str],
    meanwhile: Mapping[str, Callable[[], None]] | None = None,
    names: Mapping[str, str] | None = None,
) -> None:
    """Carry out a section in `folder`; `meanwhile` runs before the content below the heading with that text.

    `names` has, for texts of the page, what stands for them in this run, as the address of a farm. The test fails where
    a command's output or status differs from the page.
    """
    parts = section.parts()
    missing = set(meanwhile or ()) - {heading for heading, _ in parts}
    assert not missing, f"{section.page.name} has no such heading: {missing}"
    assert any(step.command for _, steps in parts for step in steps), f"{section.heading} shows no command"
    printed: list[tuple[Step, list[str]]] = []
    wrong: list[str] = []
    with Shell(folder, environment) as shell:
        for heading, steps in parts:
            (meanwhile or {}).get(heading, lambda: None)()
            for number, step in enumerate(steps):
                if step.file:
                    shell.write(step.file, [_here(line, names or {}) for line in step.lines])
                    continue
                status, output = _carry_out(shell, step, names or {})
                where = f"line {step.start + 1}: $ {step.command}"
                if status and [next_step.command for next_step in steps[number + 1 : number + 2]] != [_STATUS]:
                    wrong.append(f"{where}\n  ended with status {status}, which the page does not ask for")
                if not says(step.lines, output):
                    printed.append((step, [_as_shown(line, step.lines) for line in output]))
                    wrong.append(f"{where}\n{_difference(step.lines, output)}")
    if os.environ.get("UPDATE_GOLDEN"):
        section.rewrite(printed)
    assert not wrong, f"{section.page.name}, {section.heading}\n" + "\n\n".join(wrong)


def _carry_out(shell: Shell, step: Step, names: Mapping[str, str]) -> tuple[int, list[str]]:
    command = _here(step.command, names)
    if step.typed:
        status, output = shell.type_into(command, [(prompt, _here(line, names)) for prompt, line in step.typed])
    else:
        status, output = shell.run(command)
    return status, [_on_the_page(line, names) for line in output]


def _here(text: str, names: Mapping[str, str]) -> str:
    for shown, here in names.items():
        text = text.replace(shown, here)
    return text


def _on_the_page(text: str, names: Mapping[str, str]) -> str:
    for shown, here in names.items():
        text = text.replace(here, shown)
    return text


def says(shown: Sequence[str], printed: Sequence[str]) -> bool:
    """Whether the output matches what a page shows, where `…` matches anything."""
    pattern = "".join("(.*\n)*" if line == ANY else re.escape(like(line)).replace(ANY, ".*") + "\n" for line in shown)
    return re.fullmatch(pattern, "".join(like(line) + "\n" for line in printed)) is not None


def _as_shown(line: str, shown: Sequence[str]) -> str:
    """Return the line of the page that stands for a printed line, where one with `…` does."""
    return next((text for text in shown if ANY in text.strip(ANY) and says([text], [line])), line)


def like(line: str) -> str:
    """Return a line with placeholders for what differs from run to run."""
    for pattern, name in _LIKE:
        line = pattern.sub(name, line)
    return line.rstrip()


def _difference(shown: Sequence[str], printed: Sequence[str]) -> str:
    lines = difflib.unified_diff(shown, printed, "the page", "printed", lineterm="", n=1)
    return "\n".join(f"  {line}" for line in lines)
