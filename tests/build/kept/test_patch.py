"""`farm patch`: from an edit in a kept build to a recipe whose clean build works."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.build.kept.conftest import MEND, RECIPE, as_of_job

if TYPE_CHECKING:
    from tests.build.kept.conftest import Maintainer

pytestmark = pytest.mark.toolchain

DIFF = """\
--- a/calc.c
+++ b/calc.c
@@ -1,2 +1,2 @@
 #include "calc.h"
-int twice(int x) { return 2 * y; }
\\ No newline at end of file
+int twice(int x) { return 2 * x; }
\\ No newline at end of file
"""


@pytest.fixture
def mended(farm: Maintainer) -> Maintainer:
    farm("build", "calc")
    farm("shell", "calc", "--", *MEND).done()
    return farm


def patch(farm: Maintainer, name: str = "calc.patch") -> str:
    return (farm.recipe.parent / name).read_text()


def test_an_edit_becomes_a_patch_that_a_clean_build_applies(mended: Maintainer) -> None:
    message = "Multiply what is given\n\nIt multiplied something else."
    said = mended("patch", "calc", "twice.patch", "--message", message).done()
    assert said.output.splitlines()[0] == "  calc.c"
    assert patch(mended, "twice.patch") == (
        f"Subject: Multiply what is given\nDescription:\n It multiplied something else.\n\n{DIFF}"
    )
    assert mended.recipe.read_text() == RECIPE.replace(
        "  file: calc-1.0.tar.gz   # ours\n", "  - file: calc-1.0.tar.gz   # ours\n  - file: twice.patch\n"
    )
    mended("lint").done()
    mended("build", "calc").done()
    ended = mended("build", "--resume", "calc")
    assert "has changed: the source twice.patch" in ended.message


def test_what_the_build_changes_is_not_in_it(mended: Maintainer) -> None:
    """The step `configure` writes version.h, and `make` the objects."""
    mended("patch", "calc").done()
    assert patch(mended) == f"Subject: Changes to calc 1.0\n\n{DIFF}"


def test_what_a_resumed_build_changes_is_not_in_it(farm: Maintainer) -> None:
    farm.edit("run: make install", "run: make install && echo '/* by the build */' >>calc.h")
    farm("build", "calc")
    farm("shell", "calc", "--", *MEND).done()
    farm("build", "--resume", "calc").done()
    farm("patch", "calc").done()
    assert patch(farm) == f"Subject: Changes to calc 1.0\n\n{DIFF}"


def test_the_patch_comes_after_those_that_are_there_and_on_top_of_them(farm: Maintainer) -> None:
    farm.edit("  file: calc-1.0.tar.gz   # ours\n", "  - file: calc-1.0.tar.gz\n  - file: first.patch\n")
    (farm.recipe.parent / "first.patch").write_text(
        '--- a/main.c\n+++ b/main.c\n@@ -1,3 +1,3 @@\n #include "calc.h"\n-#include <stdio.h>\n'
        '+#include <stdio.h> /* first */\n int main(void) { printf("%d\\n", twice(21)); return 0; }\n'
    )
    farm("build", "calc")
    farm(
        "shell", "calc", "--", "sh", "-c", f"{' '.join(MEND[:2])} '{MEND[2]}' calc.c; sed -i 's/first/second/' main.c"
    ).done()
    farm("patch", "calc").done()
    assert "-#include <stdio.h> /* first */\n+#include <stdio.h> /* second */\n" in patch(farm)
    assert "  - file: first.patch\n  - file: calc.patch\n" in farm.recipe.read_text()
    farm("build", "calc").done()


def test_new_files_are_named(mended: Maintainer) -> None:
    mended("shell", "calc", "--", "sh", "-c", "echo '/* new */' >new.h; sed -i '1i #include \"new.h\"' calc.c").done()
    mended("patch", "calc", "--add", "new.h").done()
    assert "--- /dev/null\n+++ b/new.h\n@@ -0,0 +1 @@\n+/* new */\n" in patch(mended)
    mended("build", "calc").done()


def test_a_second_time_the_file_is_replaced_only_when_asked(mended: Maintainer) -> None:
    mended("patch", "calc").done()
    recipe = mended.recipe.read_text()
    mended("patch", "calc").done()  # the same bytes
    mended("shell", "calc", "--", "sed", "-i", "s/21/20 + 1/", "main.c").done()
    refused = mended("patch", "calc")
    assert (refused.status, "--replace" in refused.message) == (1, True)
    mended("patch", "calc", "--replace").done()
    assert "20 + 1" in patch(mended)
    assert mended.recipe.read_text() == recipe
    mended("build", "calc").done()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("calc", "../calc.patch"), "no file name of a patch"),
        (("calc", "calc.txt"), "no file name of a patch"),
        (("calc", "--message", "x\n--- a/b"), "begins like a diff"),
        (("calc", "--add", "missing.c"), "missing.c: there is no such file below /build/src"),
        (("hello",), "no build of hello is kept"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(
    mended: Maintainer, arguments: tuple[str, ...], said: str
) -> None:
    before = {path: path.read_bytes() for path in mended.recipe.parent.iterdir()}
    ended = mended("patch", *arguments)
    assert (ended.status, said in ended.message) == (1, True), ended
    assert {path: path.read_bytes() for path in mended.recipe.parent.iterdir()} == before


def test_a_binary_file_is_refused_by_name(mended: Maintainer) -> None:
    mended("shell", "calc", "--", "sh", "-c", "printf 'a\\0b' >main.c").done()
    ended = mended("patch", "calc")
    assert (ended.status, "main.c: it is a binary file" in ended.message) == (1, True)
    assert not (mended.recipe.parent / "calc.patch").exists()


def test_other_sources_than_those_of_the_kept_build_are_refused(mended: Maintainer) -> None:
    mended("patch", "calc", "one.patch").done()
    ended = mended("patch", "calc", "two.patch")
    assert (ended.status, "other sources than the recipe of calc has now: one.patch\n" in ended.message) == (1, True)
    assert "Build it anew, and make the edits in these: `farm shell calc --before 2`." in ended.message
    as_of_job(mended, "calc@1", 12)
    ended = mended("patch", "calc", "two.patch")
    assert "Write the recipe as it was submitted for job 12, whose sources calc@1 has" in ended.message


def test_a_recipe_that_cannot_be_written_leaves_no_patch(mended: Maintainer) -> None:
    before = mended.recipe.read_bytes()
    subprocess.run(["chattr", "+i", mended.recipe], check=True)
    try:
        ended = mended("patch", "calc")
    finally:
        subprocess.run(["chattr", "-i", mended.recipe], check=True)
    assert ended.status == 1
    assert mended.recipe.read_bytes() == before
    assert not (mended.recipe.parent / "calc.patch").exists()
