"""Patches from Debian's archive: the example of docs/recipes.md, carried out with archives beside the recipe."""

from __future__ import annotations

import io
import re
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from farm.build.attempt.errors import BuildFailedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.build.local_builds import Local

pytestmark = pytest.mark.toolchain

PAGE = Path(__file__).parents[2] / "docs" / "recipes.md"
MAKEFILE = 'greeter: greeter.c\n\ninstall:\n\tinstall -D greeter "$(DESTDIR)$(PREFIX)/bin/greeter"\n'
DEBIAN = {
    "debian/patches/series": "# fixes\n\nCVE-2026-1.patch\nname.patch -p1\n",
    "debian/patches/CVE-2026-1.patch": "--- a/greeter.c\n+++ b/greeter.c\n@@ -2,3 +2,3 @@\n int main(void) {\n"
    '-  puts("unsafe");\n+  puts("safe");\n }\n',
    "debian/patches/name.patch": "--- a/LICENSE\n+++ b/LICENSE\n@@ -1 +1 @@\n-MIT\n+MIT, of Debian\n",
}
UPSTREAM = {
    "greeter-1.0/Makefile": MAKEFILE,
    "greeter-1.0/greeter.c": '#include <stdio.h>\nint main(void) {\n  puts("unsafe");\n}\n',
    "greeter-1.0/LICENSE": "MIT\n",
}


def archive(files: Mapping[str, str], mode: str) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode=mode) as tar:  # type: ignore[call-overload]
        for path, text in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    return written.getvalue()


def recipe_of_the_page() -> str:
    """The example, with its sources beside the recipe and a test."""
    section = PAGE.read_text().partition("### Patches of Debian")[2]
    text = section.partition("```yaml\n")[2].partition("```")[0]
    without = re.sub(r"(?m)^  - url: .*\n    sha256: .*\n    origins: .*\n    file:", "  - file:", text)
    assert "url" not in without
    return without + "tests:\n  - {name: it is safe, command: [greeter], prints: safe}\n"


@pytest.fixture
def greeter(local: Local) -> Local:
    local.files |= {
        "packages/greeter/recipe.yaml": recipe_of_the_page().encode(),
        "packages/greeter/greeter-1.0.tar.gz": archive(UPSTREAM, "w:gz"),
        "packages/greeter/greeter_1.0-2+deb13u1.debian.tar.xz": archive(DEBIAN, "w:xz"),
    }
    return local


def edited(local: Local, before: bytes, after: bytes) -> Local:
    path = "packages/greeter/recipe.yaml"
    assert local.files[path].count(before) == 1
    local.files[path] = local.files[path].replace(before, after)
    return local


def license_text(local: Local) -> str:
    (main, *_) = local.builds().build(["greeter"])
    return (local.state.packages / main.descriptor.store_path / "share/licenses/greeter/LICENSE").read_text()


def test_the_example_applies_the_patch_that_it_names(greeter: Local) -> None:
    ((_, _, outcome),) = greeter.builds().test(["greeter"])
    assert outcome.passed, outcome.message
    assert license_text(greeter) == "MIT\n"


def test_all_of_the_series_are_applied_by_default(greeter: Local) -> None:
    edited(greeter, b", patches: [CVE-2026-1.patch]", b"")
    ((_, _, outcome),) = greeter.builds().test(["greeter"])
    assert outcome.passed, outcome.message
    assert license_text(greeter) == "MIT, of Debian\n"


def test_a_patch_that_does_not_apply_and_one_that_is_not_there_end_the_build(greeter: Local) -> None:
    edited(greeter, b"[CVE-2026-1.patch]", b"[CVE-2026-1.patch, CVE-2026-1.patch]")
    for _ in range(2):
        with pytest.raises(BuildFailedError) as caught:
            greeter.builds().build(["greeter"])
        assert caught.value.step == "debian-patches"
        if b"absent" not in greeter.files["packages/greeter/recipe.yaml"]:
            edited(greeter, b"[CVE-2026-1.patch, CVE-2026-1.patch]", b"[absent.patch]")


def with_series(local: Local, series: str, **patches: str) -> Local:
    """The example without `patches`, and with another series in Debian's archive."""
    edited(local, b", patches: [CVE-2026-1.patch]", b"")
    files = DEBIAN | {"debian/patches/series": series} | {f"debian/patches/{name}": patches[name] for name in patches}
    local.files["packages/greeter/greeter_1.0-2+deb13u1.debian.tar.xz"] = archive(files, "w:xz")
    return local


def test_the_last_patch_of_a_series_is_applied_also_without_a_newline_behind_it(greeter: Local) -> None:
    with_series(greeter, "CVE-2026-1.patch\nname.patch")
    assert license_text(greeter) == "MIT, of Debian\n"


@pytest.mark.parametrize("series", ["", "# all fixes are upstream now\n\n"], ids=["empty", "comments"])
def test_a_series_that_names_no_patch_ends_the_build_with_what_to_do(greeter: Local, series: str) -> None:
    with pytest.raises(BuildFailedError) as caught:
        with_series(greeter, series).builds().build(["greeter"])
    assert caught.value.step == "debian-patches"
    log = greeter.state.logs.newest("greeter")
    assert log is not None
    assert "series names no patch: name them under `patches`, or leave the step out" in log.read_text()


def test_a_patch_for_other_lines_than_those_of_the_source_ends_the_build(greeter: Local) -> None:
    """With a tolerance of two lines, `patch` would take it."""
    other = DEBIAN["debian/patches/CVE-2026-1.patch"].replace(" int main(void) {", " int main(int argc) {")
    assert other not in DEBIAN.values()
    with pytest.raises(BuildFailedError) as caught:
        with_series(greeter, "other\n", other=other).builds().build(["greeter"])
    assert caught.value.step == "debian-patches"
