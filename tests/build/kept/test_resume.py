"""`farm build --resume`: a kept build goes on from where it stopped, and what comes of it never counts."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from farm.container.mounts import mounts_below
from tests.build.kept.conftest import COMMAND, MEND, as_of_job

if TYPE_CHECKING:
    from pathlib import Path

    from tests.build.kept.conftest import Maintainer

pytestmark = pytest.mark.toolchain


def stands(farm: Maintainer) -> tuple[str, int]:
    kept = json.loads(farm("kept", "--json").done().output)[0]
    return kept["stop"], kept["step"]


def test_it_goes_on_after_an_edit_and_is_neither_recorded_nor_publishable(farm: Maintainer) -> None:
    farm("build", "calc")
    farm("shell", "calc", "--", *MEND).done()
    resumed = farm("build", "--resume", "calc", "--json", "--verbose").done()
    assert "not publishable and was not recorded" in resumed.message
    assert "configure |" not in resumed.message
    assert "compile | gcc" in resumed.message
    packages = json.loads(resumed.output)["packages"]
    assert [package["descriptor"]["name"] for package in packages] == [
        "dist.example.org/calc",
        "dist.example.org/calc-dev",
        "dist.example.org/calc-debug",
    ]
    assert {package["publishable"] for package in packages} == {False}
    assert stands(farm) == ("ended", 6)
    again = farm("build", "calc")
    assert again.status == 1, "the fault is still in the sources of the recipe"
    assert not (farm.state / "builds").exists()


def test_later_steps_may_have_changed_and_their_new_text_runs(farm: Maintainer) -> None:
    farm("build", "calc")
    farm.edit("      make\n", "      make CFLAGS='-Dy=x'\n")
    farm.edit("include/**", "include/*.h")
    farm("build", "--resume", "calc").done()
    assert stands(farm)[0] == "ended"


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("VERSION", "RELEASE", "step 2, 'configure'"),
        ("toolchain: c\n", "toolchain: c\nenvironment: {MORE: x}\n", "environment"),
        ('version: "1.0"', 'version: "1.1"', "the version"),
    ],
)
def test_what_it_began_with_must_not_have_changed(farm: Maintainer, old: str, new: str, what: str) -> None:
    farm("build", "calc")
    farm.edit(old, new)
    ended = farm("build", "--resume", "calc")
    assert ended.status == 1
    assert what in ended.message
    assert "`farm build calc`" in ended.message
    assert stands(farm) == ("failed", 3)


def test_other_dependencies_or_sources_are_refused_too(farm: Maintainer) -> None:
    farm("build", "calc")
    farm.edit("toolchain: c\n", "toolchain: c\nbuild-needs: [greet]\n")
    assert "the package greet" in farm("build", "--resume", "calc").message
    farm.edit("build-needs: [greet]\n", "")
    farm.edit("  file: calc-1.0.tar.gz", "  - file: calc-1.0.tar.gz\n  - file: more.txt")
    (farm.recipe.parent / "more.txt").write_text("more")
    assert "source" in farm("build", "--resume", "calc").message


def with_file(farm: Maintainer, content: str = "one") -> None:
    """Give the recipe a file beside it, which its last step installs."""
    more = "\n  - file: more.txt\n  - file: some.tar.gz\n    unpack: false"
    farm.edit("  file: calc-1.0.tar.gz", f"  - file: calc-1.0.tar.gz{more}")
    farm.edit("make install", "make install && install -D --mode=0644 /sources/more.txt $DESTDIR/usr/share/calc/more")
    (farm.recipe.parent / "some.tar.gz").write_text("some")
    (farm.recipe.parent / "more.txt").write_text(content)


def test_a_changed_file_beside_the_recipe_is_taken_and_said(farm: Maintainer) -> None:
    with_file(farm)
    farm("build", "calc")
    farm("shell", "calc", "--", *MEND).done()
    (farm.recipe.parent / "more.txt").write_text("other")
    resumed = farm("build", "--resume", "calc").done()
    assert (
        "calc@1 goes on with the new more.txt in /sources; the steps before had the former content" in resumed.message
    )
    assert (farm.kept("calc@1") / "out/usr/share/calc/more").read_text() == "other"


def test_a_changed_archive_or_patch_beside_the_recipe_is_refused(farm: Maintainer) -> None:
    with_file(farm)
    farm("build", "calc")
    (farm.recipe.parent / "more.txt").write_text("other")
    (farm.recipe.parent / "some.tar.gz").write_text("other")
    ended = farm("build", "--resume", "calc")
    assert (ended.status, "has changed: the source some.tar.gz\n" in ended.message) == (1, True), ended.message


def test_one_of_a_farms_job_goes_on_with_the_recipe_of_the_job_and_says_so(farm: Maintainer) -> None:
    farm("build", "calc")
    farm("shell", "calc", "--", *MEND).done()
    as_of_job(farm, "calc@1", 12)
    farm.edit("run: make install", "run: exit 1")
    farm.edit("  file: calc-1.0.tar.gz", "  - file: calc-1.0.tar.gz\n  - file: more.txt")
    (farm.recipe.parent / "more.txt").write_text("more")
    resumed = farm("build", "--resume", "calc@1").done()
    assert "calc@1 goes on with the recipe and the sources of job 12, not those of the tree\n" in resumed.message
    assert "with the recipe of job 12: `farm build calc` builds that of the tree cleanly" in resumed.message


def test_one_that_fails_again_stands_where_it_failed(farm: Maintainer) -> None:
    farm.edit("make install", "make install && false")
    farm("build", "calc")
    farm("shell", "calc", "--", *MEND).done()
    ended = farm("build", "--resume", "calc")
    assert ended.status == 1
    assert "the step 'install' (recipe.yaml:" in ended.message
    assert stands(farm) == ("failed", 4)
    assert "install: calc" in farm("shell", "calc", "--", "grep", "install:", "Makefile").done().output
    farm.edit(" && false", "")
    farm("build", "--resume", "calc").done()


def test_faulty_output_can_be_put_right_by_hand(farm: Maintainer) -> None:
    farm.edit("run: make install", "run: make install && mkdir $DESTDIR/opt && touch $DESTDIR/opt/x")
    farm.edit("gcc, ", "gcc, CFLAGS: -Dy=x, ")
    ended = farm("build", "calc")
    assert "/opt/x" in ended.message
    assert stands(farm) == ("failed", 6)
    assert "what they installed cannot be packaged" in farm("kept").output
    farm("shell", "calc", "--", "rm", "-r", "/out/opt").done()
    farm("build", "--resume", "calc").done()


def test_a_step_that_reaches_a_limit_is_kept_too(farm: Maintainer) -> None:
    farm.edit("      make\n", "      sleep 1000\n")
    farm.recipe.write_text(farm.recipe.read_text() + "limits: {processes: 16}\n")
    farm.edit("sleep 1000", "for i in {1..100}; do sleep 100 & done; wait -n")
    ended = farm("build", "calc")
    assert "limit processes = 16" in ended.message
    assert stands(farm) == ("failed", 3)


def test_nothing_to_resume_is_an_error_with_the_way(farm: Maintainer) -> None:
    ended = farm("build", "--resume", "calc")
    assert ended.status == 1
    assert "no build of calc is kept" in ended.message
    for verb in (("build", "--resume"), ("kept",), ("files",), ("shell",)):
        ended = farm(*verb, "calc@99")
        assert ended.status == 1
        assert "error: there is no kept build calc@99\n" in ended.message
        assert "`farm build calc` keeps one that fails" in ended.message
    assert "`farm build calc`" in ended.message


def test_a_process_that_is_killed_while_it_resumes_leaves_a_build_that_can_go_on(farm: Maintainer) -> None:
    farm.edit("run: make install", "run: touch ../begun; while [ ! -e ../go ]; do sleep 0.1; done; make install")
    farm("build", "calc")
    farm("shell", "calc", "--", *MEND).done()
    process = subprocess.Popen([COMMAND, "build", "--resume", "calc"], env=farm.environment, cwd=farm.recipes)
    while not (farm.kept("calc@1") / "build/begun").exists():
        assert process.poll() is None
        time.sleep(0.05)
    busy = farm("shell", "calc", "--", "true")
    assert (busy.status, "in use by another command" in busy.message) == (1, True)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert stands(farm) == ("failed", 4)
    farm("shell", "calc", "--", "touch", "../go").done()
    farm("build", "--resume", "calc").done()
    assert stands(farm) == ("ended", 6)


def test_a_process_that_is_killed_while_it_builds_leaves_nothing(farm: Maintainer) -> None:
    farm.edit("      make\n", "      echo began; sleep 1000\n")
    process = subprocess.Popen(
        [COMMAND, "build", "calc", "--verbose"],
        env=farm.environment,
        cwd=farm.recipes,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert any("began" in line for line in process.stderr)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stderr.close()
    farm("shell", "greet", "--", "true").done()  # any command that builds cleans up
    assert farm("kept", "calc").status == 1
    owners = [_lease_of(place) for place in mounts_below(farm.host / "attempts")]
    assert not [owner for owner in owners if str(farm.state) in owner]


def _lease_of(place: Path) -> str:
    while place.parent.name != "attempts":
        place = place.parent
    try:
        return (place / "lease.json").read_text()
    except FileNotFoundError:
        return ""
