"""`farm shell`: the exact environment of a step, in the sandbox, from a terminal and without one."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from farm.core.names.digest import Digest
from farm.store.blobs import BlobStore
from tests.build.kept.conftest import COMMAND, MEND, SOURCES, new_maintainer
from tests.cli.pseudo_terminal import Terminal

if TYPE_CHECKING:
    from tests.build.kept.conftest import Maintainer

pytestmark = pytest.mark.toolchain


def test_the_error_of_a_failed_build_names_the_shell(farm: Maintainer) -> None:
    ended = farm("build", "calc")
    assert ended.status == 1
    assert "`farm shell calc` opens the build where it failed." in ended.message
    (kept,) = json.loads(farm("kept", "--json").done().output)
    assert (kept["name"], kept["stop"], kept["step"], kept["step-name"]) == ("calc@1", "failed", 3, "compile")
    assert "the step 'compile' (recipe.yaml:13) failed" in kept["message"]
    assert kept["kind"] == "failed"
    assert "step 3 of 5, 'compile', failed" in farm("kept").done().output


def test_a_successful_build_leaves_nothing(farm: Maintainer) -> None:
    farm.edit("gcc, ", "gcc, CFLAGS: -Dy=x, ")
    farm("build", "calc").done()
    assert farm("kept").done().output == "no build is kept\n"
    assert list((farm.state / "kept").iterdir()) == []


def test_what_a_clean_build_has_overtaken_leaves_unless_somebody_edited_it(farm: Maintainer) -> None:
    farm("build", "calc")
    farm.edit("gcc, ", "gcc, CFLAGS: -Dy=x, ")
    farm("build", "calc").done()
    assert farm("kept").done().output == "no build is kept\n"
    farm.edit("-Dy=x, ", "-Dy=z, ")
    farm("build", "calc")
    farm("shell", "calc", "--", *MEND).done()
    farm.edit("-Dy=z, ", "-Dy=x, SPARE: '', ")
    farm("build", "calc").done()
    assert "calc@2  failed, edited  1.0-1" in farm("kept").done().output
    (kept,) = json.loads(farm("kept", "--json").done().output)
    assert (kept["kind"], kept["edited"]) == ("failed", True)


def test_directory_and_variables_are_exactly_those_of_the_step(failed: Maintainer) -> None:
    shown = failed("shell", "calc", "--", "sh", "-c", "env | sort | grep -v '^_='; pwd; umask").done()
    built = failed.kept("calc@1") / "build"
    *variables, directory, umask = shown.output.splitlines()
    of_step = (built / "environment.of-compile").read_text().splitlines()
    assert [line for line in variables if not line.startswith("SHLVL=")] == [
        line for line in of_step if not line.startswith("SHLVL=")
    ]
    assert "SPECIAL=it's $HOME" in variables
    assert (directory, umask) == ((built / "directory.of-compile").read_text().strip(), "0022")


def test_it_is_the_sandbox(failed: Maintainer) -> None:
    script = (
        "id -u; grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status | tr '\\t\\n' '  '; echo;"
        "for place in / /usr /etc /packages /run /sources /build /tmp /out;"
        "do touch $place/x 2>/dev/null && echo $place && rm $place/x; done;"
        "ls -d /var/run/docker.sock /root 2>/dev/null; echo end"
    )
    user, privileges, *writable = failed("shell", "calc", "--", "sh", "-c", script).done().output.splitlines()
    none = "0" * 16
    assert (user, privileges) == ("1000", f"CapEff: {none} CapBnd: {none} NoNewPrivs: 1 Seccomp: 2 ")
    assert writable == ["/build", "/tmp", "/out", "end"]


def test_it_has_no_network(failed: Maintainer) -> None:
    script = "ls /sys/class/net; (exec 3<>/dev/tcp/192.0.2.1/80) 2>&1 || echo refused"
    shown = failed("shell", "calc", "--", "bash", "-c", script).done().output
    assert shown.startswith("lo\n")
    assert "Network is unreachable" in shown
    assert shown.endswith("refused\n")


@pytest.mark.parametrize(("script", "status"), [("true", 0), ("exit 7", 7), ("kill -9 $$", 137)])
def test_the_exit_status_is_that_of_the_command(failed: Maintainer, script: str, status: int) -> None:
    assert failed("shell", "calc", "--", "sh", "-c", script).status == status


def test_a_command_that_is_not_there_is_127(failed: Maintainer) -> None:
    ended = failed("shell", "calc", "--", "no-such-program")
    assert ended.status == 127
    assert "no-such-program" in ended.message


def test_streams_are_those_of_the_command(failed: Maintainer) -> None:
    ended = failed("shell", "calc", "--", "sh", "-c", "cat; echo wrong >&2", given="from outside\n" * 100_000).done()
    assert ended.output == "from outside\n" * 100_000
    assert ended.message.endswith("wrong\n")


def test_rerun_runs_the_failed_step_with_its_status(failed: Maintainer) -> None:
    ended = failed("shell", "calc", "--", "rerun")
    assert ended.status == 2
    assert "undeclared (first use" in ended.output
    assert "\x1e" not in ended.output


def test_a_step_that_fails_in_silence_shows_its_script_and_rerun_x_the_command(farm: Maintainer) -> None:
    farm.edit("      make\n", '      test "$SPECIAL" = other\n')
    ended = farm("build", "calc")
    assert ended.status == 1
    assert '3 | test "$SPECIAL" = other' in ended.message
    assert "has printed nothing" in ended.message
    assert "`farm shell calc -- rerun -x`" in ended.message
    again = farm("shell", "calc", "--", "rerun", "-x")
    assert again.status == 1
    assert again.output.splitlines()[-1].endswith("= other")
    assert farm("shell", "calc", "--", "rerun", "-y").message.endswith("usage: rerun [-x]\n")


def test_a_shell_needs_a_terminal(failed: Maintainer) -> None:
    ended = failed("shell", "calc")
    assert ended.status == 2
    assert "farm shell NAME -- COMMAND" in ended.message


def test_a_name_that_is_neither_kept_nor_a_recipe_is_refused_with_a_suggestion(failed: Maintainer) -> None:
    ended = failed("shell", "clac", "--", "true")
    assert ended.status == 1
    assert "calc" in ended.message.partition("help:")[2]


def test_a_step_that_is_not_there_is_refused_with_those_that_are(failed: Maintainer) -> None:
    for step in ("nix", "0", "6"):
        ended = failed("shell", "calc", "--before", step, "--", "true")
        assert ended.status == 1
        assert "1 'prepare', 2 'configure', 3 'compile', 4 'install', 5 'finish'" in ended.message


def test_a_step_that_is_not_there_is_refused_before_anything_is_built(farm: Maintainer) -> None:
    farm.edit("toolchain: c\n", "toolchain: c\nbuild-needs: [greet]\n")
    ended = farm("shell", "calc", "--before", "nix", "--", "true")
    assert ended.message.startswith("error: calc has no step 'nix'\n")


def test_a_step_has_the_name_by_which_the_recipe_calls_it(farm: Maintainer) -> None:
    farm.recipe.write_text(farm.recipe.read_text().partition("steps:")[0] + "steps: [cmake]\n")
    farm("shell", "calc", "--before", "cmake", "--", "true").done()
    assert "before step 2 of 5, 'cmake: configure'" in farm("kept").output


def test_before_anything_is_unpacked_that_is_said(farm: Maintainer) -> None:
    said = farm("shell", "calc", "--before", "1", "--", "ls").done()
    assert "nothing is unpacked yet: its sources are in /sources" in said.message
    assert "`--before 2` stops when they are unpacked" in said.message
    assert "unpacked yet" not in farm("shell", "calc", "--before", "2", "--", "ls").done().message


def test_what_is_changed_stays_and_rerun_then_succeeds(farm: Maintainer) -> None:
    farm("build", "calc")
    farm("shell", "calc", "--", *MEND).done()
    farm("shell", "calc", "--", "rerun").done()
    assert farm("shell", "calc", "--", "./calc").done().output == "42\n"
    (kept,) = json.loads(farm("kept", "--json").output)
    assert kept["edited"] is True


def test_before_a_step_is_the_state_that_the_step_begins_with(farm: Maintainer) -> None:
    listed = farm("shell", "calc", "--before", "compile", "--", "ls", "..", ".").done().output.split()
    assert "environment.of-configure" in listed
    assert "environment.of-compile" not in listed
    assert not [name for name in listed if name.endswith(".o")]
    by_number = farm("shell", "calc", "--before", "2", "--", "cat", "version.h").done().output
    assert by_number == '#define VERSION "0"\n'
    first = farm("shell", "calc", "--before", "1", "--", "ls", "-A").done().output
    assert first == ""
    assert "before step 1 of 5, 'prepare'" in farm("kept").output


def test_a_build_that_stopped_before_a_step_is_used_again_until_somebody_opens_it(farm: Maintainer) -> None:
    """It is the state before that step only as long as nobody has been in it."""
    farm("shell", "calc", "--before", "compile", "--", "touch", "mine").done()
    listed = farm("shell", "calc", "--before", "compile", "--", "ls").done().output.split()
    assert "mine" not in listed
    assert "mine" in farm("shell", "calc@1", "--", "ls").done().output.split()


def test_without_a_kept_build_it_opens_fresh_sources(farm: Maintainer) -> None:
    shown = farm("shell", "calc", "--", "cat", "version.h", "../environment.of-configure")
    assert shown.output == '#define VERSION "0"\n'
    assert shown.status == 1
    assert "before step 2 of 5, 'configure'" in farm("kept").output


def test_a_build_that_fails_before_the_step_is_kept_where_it_failed(farm: Maintainer) -> None:
    ended = farm("shell", "calc", "--before", "install", "--", "true")
    assert ended.status == 1
    assert "undeclared (first use" in ended.message
    assert "step 3 of 5, 'compile', failed" in farm("kept").output


def test_more_than_the_limits_allow_ends_the_shell_with_the_reason(
    farm: Maintainer, request: pytest.FixtureRequest
) -> None:
    farm.recipe.write_text(farm.recipe.read_text() + "limits: {memory-mb: 64, output-mb: 16}\n")
    # In memory, the limit of memory would come first.
    state = Path(tempfile.mkdtemp(prefix="kept-", dir=farm.host))
    request.addfinalizer(partial(shutil.rmtree, state))
    farm = replace(farm, state=state)
    farm("build", "calc")
    fill = "i=0; while [ $i -lt 40 ]; do head -c 8388608 /dev/urandom >f$i; i=$((i+1)); sleep 0.3; done"
    ended = farm("shell", "calc", "--", "sh", "-c", fill)
    assert ended.status == 1
    assert "limits.memory-mb" in ended.message
    (kept,) = json.loads(farm("kept", "--json").output)
    assert kept["bytes"] > 64 << 20
    farm("shell", "calc", "--", "sh", "-c", "rm f*").done()


def test_what_a_kept_build_needs_and_the_machine_has_lost_is_named_with_the_way(tmp_path: Path) -> None:
    farm = new_maintainer(tmp_path, {**SOURCES, "unlike.others": os.urandom(16)})
    farm("build", "calc")
    digest = hashlib.sha256((farm.recipe.parent / "calc-1.0.tar.gz").read_bytes()).hexdigest()
    BlobStore(farm.host / "blobs").delete(Digest(f"sha256:{digest}"))
    ended = farm("shell", "calc", "--", "true")
    assert ended.status == 1
    assert "no longer on this machine" in ended.message
    assert "`farm build calc`" in ended.message
    farm("build", "calc")
    assert farm("shell", "calc", "--", "true").status == 0


def test_a_shell_on_a_terminal_greets_edits_lines_and_can_rerun(failed: Maintainer) -> None:
    terminal = Terminal([COMMAND, "shell", "calc"], failed.environment, failed.recipes)
    terminal.until(r"calc 1\.0-1, step 3 of 5, 'compile', failed")
    terminal.until(r"\n  make")
    terminal.until("farm build --resume calc@1")
    terminal.until(r"calc@1:compile ~/src\$ ")
    terminal.type("tty; echo $TERM; set -o | grep -c vi\r")
    terminal.until(r"/dev/pts/\d+\r\nxterm")
    terminal.type("\x10\r")  # Ctrl-P: the line before, once more
    terminal.until(r"/dev/pts/\d+\r\nxterm")
    terminal.type("sleep 1000\r")
    time.sleep(1)
    terminal.type("\x03")  # Ctrl-C ends the program, and not the shell
    terminal.type("rerun || echo it has status $?\r")
    terminal.until(r"undeclared \(first use")
    terminal.until("it has status 2")
    terminal.type("show-step\r")
    terminal.until("pwd >../directory.of-compile")
    terminal.type("exit 5\r")
    assert terminal.ended() == 5


def test_a_shell_of_a_killed_command_ends_with_the_next_one(failed: Maintainer) -> None:
    terminal = Terminal([COMMAND, "shell", "calc"], failed.environment, failed.recipes)
    terminal.until(r"src\$ ")
    terminal.process.kill()
    terminal.process.wait()
    label = f"farm.owner={failed.state}"
    listing = ["docker", "ps", "--quiet", "--filter", f"label={label}"]
    failed("shell", "calc", "--", "true").done()
    assert subprocess.run(listing, capture_output=True, check=True).stdout == b""
