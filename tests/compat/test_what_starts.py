"""What the proof says of programs and scripts, beside whether the kernel and the dynamic linker start them at all."""

import subprocess
from pathlib import Path

import pytest

from tests.compat.test_against_the_linker import Box, box, pytestmark

__all__ = ["box", "pytestmark"]

NOTHING = "int main(void) { return 0; }"


def starts(box: Box, monkeypatch) -> bool:
    """Say whether everything in `bin` runs and says that all is well, whatever ends it otherwise."""

    def ran(there: Path, program: str) -> bool:
        command = ["/usr/sbin/chroot", there, program]
        return subprocess.run(command, env={"LD_BIND_NOW": "1"}, capture_output=True, check=False).returncode == 0

    monkeypatch.setattr(Box, "_starts", staticmethod(ran))
    return box.starts()


def codes(box: Box) -> list[str]:
    return [problem.code for problem in box.proof().problems]


def script(box: Box, line: str) -> None:
    box.text("bin/script", f"#!{line}\n")
    box.place("bin/script").chmod(0o755)


@pytest.mark.parametrize(("path", "line", "fits"), [
    ("libexec/tool", "/usr/libexec/tool", True), ("lib/tool/run", "/usr/lib/tool/run -x", True),
    ("lib/tool/run", "/lib/tool/run", True), ("lib/tool/run", "/usr/lib/tool/gone", False),
    ("libexec/tool", "/libexec/tool", False), ("lib/tool/run", "lib/tool/gone", False),
])  # fmt: skip
def test_a_script_is_run_by_what_its_own_package_has(path, line, *, fits, box, monkeypatch):
    box.gcc("bin/tool", NOTHING)
    box.move("bin/tool", path)
    script(box, line)
    assert starts(box, monkeypatch) is fits
    assert codes(box) == ([] if fits else ["missing-interpreter"])
