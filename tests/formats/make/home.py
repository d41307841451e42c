"""A subscriber's home, and images of published packages. The fixture `published` comes first."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from farm.client.repository import flush_record
from farm.core.names.digest import Digest
from tests.formats import kept
from tests.formats.make.fixed import tick
from tests.formats.make.packing import packed
from tests.formats.reading import home, images, subscriber

if TYPE_CHECKING:
    from tests.formats.make.__main__ import Output

PLACE = Path("/tmp/farm-formats")
"""The path of the home, because paths are part of the fixture."""
BOOT = "e62f9c4e-cf7b-4659-a0c3-8cd144085aed"
"""The boot id of the machine that made it; a file of a home is named after it."""


def make(out: Output, folder: Path) -> None:
    """Write `home.tar.gz` and `home.json`, `layout.tar.gz` and `images.json`."""
    tick(minutes=30)  # so that this is after the publication
    (folder / "boot").write_text(BOOT)
    flush_record._BOOT = folder / "boot"
    shutil.rmtree(PLACE, ignore_errors=True)
    try:
        published, publication = kept.unpacked("published.tar.gz", PLACE), kept.read_json("published.json")
        mirror = published / "mirror"
        host = subscriber.subscribed(PLACE / "home", published / "own", publication["root"], mirror, "edge", "stable")
        host.subscriptions.change(host.subscriptions.find("edge"), priority=2)
        host.subscriptions.subscribe(str(published / "other"), "edge", Digest(publication["other-root"]))
        seen: dict[str, Any] = {"images": {}, "registry": images.registry_images(published / "own")}
        for case in images.CASES:
            made = images.compose(host, case, PLACE / "files" / case)
            seen["images"][case] = images.image_view(host, made)
            if case == "own-files":
                images.layout_of(host, made, PLACE / "layout")
        home.furnish(host, PLACE / "home", Digest.of(b"plan"))
        out.write("layout.tar.gz", packed({"layout": PLACE / "layout"}))
        seen["layout"] = images.layout_view(host, PLACE / "layout")
        out.write("images.json", json.dumps(seen, indent=1, sort_keys=True) + "\n")
        out.write(
            "home.tar.gz",
            packed({name: PLACE / "home" / name for name in ("state", "shared", "root", "local", "farm.lock")}),
        )
    finally:
        shutil.rmtree(PLACE)
    again = kept.home(folder / "again")
    out.write("home.json", json.dumps(home.home_view(again), indent=1, sort_keys=True) + "\n")
