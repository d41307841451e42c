"""In a real browser: a line of a real build's log is shown while the step that printed it still sleeps."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.scenarios.farm import containers_of

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

    from tests.farms.running import RunningFarm

pytestmark = [pytest.mark.docker, pytest.mark.toolchain, pytest.mark.browser]

SLEEPER = """\
name: sleeper
version: "1"
summary: Says something, then sleeps
license: 0BSD
toolchain: c
steps:
  - run: |
      echo "said before the sleep"
      sleep 20
      install -D --mode=0644 /dev/null "$DESTDIR/usr/share/sleeper/awake"
"""


def test_a_line_appears_while_its_step_still_sleeps(
    distribution: RunningFarm, chromium: Browser, tmp_path: Path
) -> None:
    (tmp_path / "sleeper").mkdir()
    (tmp_path / "sleeper" / "recipe.yaml").write_text(SLEEPER)
    submitted = distribution.run("submit", str(tmp_path / "sleeper"), "--json").done()
    job = json.loads(submitted.output)["accepted"][0]["job"]["id"]
    page = chromium.new_page()
    page.goto(f"{distribution.url}/jobs/{job}")
    expect(page.get_by_text("said before the sleep").first).to_be_visible(timeout=120_000)
    assert containers_of(distribution.host), "the build has ended before the page showed the line"
    assert distribution.json("jobs", "--name", "sleeper")["jobs"][0]["state"] == "running"
    deadline = time.monotonic() + 120
    while distribution.json("jobs", "--name", "sleeper")["jobs"][0]["state"] == "running":
        assert time.monotonic() < deadline
        time.sleep(0.5)
    # The container is removed; the log stays.
    page.reload()
    expect(page.get_by_text("said before the sleep").first).to_be_visible()
    page.close()
