"""Sets that are held in part, transitions and rollbacks, with real packages in real containers."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.farms.running import revised

if TYPE_CHECKING:
    from tests.farms.running import RunningFarm

pytestmark = [pytest.mark.docker, pytest.mark.toolchain]

DROP = Path(__file__).parents[2] / "script" / "demo.d" / "drop-a-function.patch"
SIDE = """\
name: {name}
version: "{version}"
summary: One side of a pair
license: 0BSD
source:
  - file: LICENSE
toolchain: c
steps:
  - run: |
      mkdir -p "$DESTDIR/usr/share/{name}"
      echo {version} > "$DESTDIR/usr/share/{name}/version"
      install -D --mode=0644 --target-directory="$DESTDIR/usr/share/licenses/{name}" /sources/LICENSE
"""
PAIR = (
    SIDE.format(name="pair", version="1").replace("toolchain: c\n", "toolchain: c\nrequires: [left, right]\n")
    + """\
tests:
  - name: the sides get on with each other
    run: |
      read -r left < /usr/share/left/version
      read -r right < /usr/share/right/version
      [ "$left$right" != 22 ]
test-needs: [bash]
"""
)


def written(folder: Path, name: str, text: str) -> Path:
    place = folder / name
    place.mkdir(parents=True)
    (place / "recipe.yaml").write_text(text)
    (place / "LICENSE").write_text("Do with it what you like.\n")
    return place


def builds(farm: RunningFarm) -> list[dict[str, Any]]:
    return [job for job in farm.json("jobs", "--limit", "500")["jobs"] if job["kind"] == "build"]


def until_released(farm: RunningFarm, channel: str, number: int) -> dict[str, Any]:
    """Wait for a release of a channel that no command waits for."""
    deadline = time.monotonic() + 600
    while True:
        found = farm.json("release", "list", channel)["releases"]
        if found and found[0]["number"] >= number and found[0]["published-at"]:
            return farm.newest(channel)
        assert time.monotonic() < deadline, farm.run("channel", "show", channel).output
        time.sleep(0.5)


def test_of_two_updates_that_break_only_together_one_ships_with_all_the_others(
    distribution: RunningFarm, tmp_path: Path
) -> None:
    first = [written(tmp_path / "1", name, SIDE.format(name=name, version="1")) for name in ("left", "right", "other")]
    distribution.submit(*first, written(tmp_path / "1", "pair", PAIR)).done()
    changed = ("left", "right", "other")
    second = [written(tmp_path / "2", name, SIDE.format(name=name, version="2")) for name in changed]
    assert distribution.submit(*second).status == 1  # one of them is held
    now = distribution.versions()
    assert (now["left"], now["right"], now["other"]) == ("2-1", "1-1", "2-1")
    (excuse,) = [found for found in distribution.json("channel", "excuses", "edge") if found["package"] == "right"]
    assert excuse["partners"] == ["left 2-1"]
    assert "test 'the sides get on with each other' of pair failed in job" in excuse["reason"]
    assert "right 2-1 breaks only with left 2-1" in excuse["reason"]
    # A version that works with it clears the excuse automatically.
    distribution.submit(written(tmp_path / "3", "right", SIDE.format(name="right", version="3"))).done()
    assert distribution.versions()["right"] == "3-1"
    assert not [found for found in distribution.json("channel", "excuses", "edge") if found["package"] == "right"]


def test_a_library_with_another_flag_that_drops_a_function_is_built_alone_and_refused_by_name(
    distribution: RunningFarm, tmp_path: Path
) -> None:
    before, built = distribution.newest(), {job["id"] for job in builds(distribution)}
    patch = ("  - file: search.c\n", f"  - file: search.c\n  - file: {DROP.name}\n")
    flag = ("configure: [--disable-static]", "configure: [--disable-static, --enable-posix-api=no]")
    library = revised(tmp_path, "oniguruma", 12, patch, flag)
    (library / DROP.name).write_bytes(DROP.read_bytes())
    refused = distribution.submit(library)
    assert refused.status == 1
    assert "bin/jq imports onig_error_code_to_str" in refused.message
    assert "oniguruma 6.9.9-12 does not export" in refused.message
    assert distribution.newest() == before
    assert [job["name"] for job in builds(distribution) if job["id"] not in built] == ["oniguruma"]


def test_a_rolled_back_stable_is_what_a_subscriber_has_after_the_next_install(
    distribution: RunningFarm, tmp_path: Path
) -> None:
    state, root = tmp_path / "subscriber", tmp_path / "root"
    first = until_released(distribution, "stable", 1)
    address = f"{distribution.url}/repository"
    distribution.run("subscribe", address, "stable", "--fingerprint", distribution.fingerprint, state=state).done()
    distribution.submit(written(tmp_path / "9", "other", SIDE.format(name="other", version="9"))).done()
    distribution.run("channel", "promote", "edge", "stable", "--why", "it is wanted now").done()
    second = until_released(distribution, "stable", first["number"] + 1)
    assert distribution.versions("stable")["other"] == "9-1"
    distribution.run("install", "--root", str(root), "other", state=state).done()
    assert (root / "usr/share/other/version").read_text() == "9\n"

    before = [
        release
        for release in range(1, second["number"])
        if distribution.json("release", "show", "stable", str(release))
    ]
    distribution.run("channel", "rollback", "stable", str(before[-1]), "--why", "nine is bad luck").done()
    third = until_released(distribution, "stable", second["number"] + 1)
    was = distribution.json("release", "show", "stable", str(before[-1]))
    assert third["packages"] == was["packages"]
    if "other" in {package["name"] for package in was["packages"]}:
        distribution.run("install", "--root", str(root), "other", state=state).done()
        assert (root / "usr/share/other/version").read_text() != "9\n"
    (excuse,) = [found for found in distribution.json("channel", "excuses", "stable") if found["package"] == "other"]
    assert "nine is bad luck" in excuse["reason"]
