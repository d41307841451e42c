"""What is at a path of a composed root: through links of packages, of the merged `/usr`, and of the user's own."""

from __future__ import annotations

from farm.core.fileset.forest import Forest
from farm.core.fileset.manifest import Directory, File, Link, Manifest
from farm.core.names.digest import Digest
from farm.core.sets.composition.compose import Composition
from farm.core.sets.composition.root_view import RootView

PROGRAM = File("bin/jq", 4, Digest.of(b"prog"), executable=True)
JQ = Manifest.of([PROGRAM, Link("bin/j", "jq"), File("share/doc", 1, Digest.of(b"d"))])
OWN = Manifest.of(
    [
        File("app/serve", 1, Digest.of(b"s"), executable=True),
        Link("app/up", "../usr/bin/jq"),
        Link("app/round", "round"),
        Link("app/out", "/usr/bin/gone"),
        Link("tools", "/packages/jq-1-x"),
    ],
    absolute_links=True,
)
FOREST = Forest(
    ("usr", "usr/bin"), (("usr/bin/j", "/packages/jq-1-x/bin/j"), ("usr/bin/jq", "/packages/jq-1-x/bin/jq"))
)
ROOT = RootView(Composition((), FOREST), {"jq-1-x": JQ}, OWN)


def test_links_lead_where_a_kernel_would_follow_them() -> None:
    for path in (
        "/usr/bin/jq",
        "/bin/jq",
        "/bin/j",
        "/app/up",
        "/tools/bin/jq",
        "/packages/jq-1-x/bin/jq",
        "/app/../bin/j",
    ):
        assert ROOT.at(path) == PROGRAM, path
    assert ROOT.at("/app") == Directory("app")
    assert ROOT.at("/") == Directory("")
    for path in ("/app/round", "/app/out", "/app/serve/below", "/packages/other/bin/jq", "/usr/bin/nothing"):
        assert ROOT.at(path) is None, path


def test_a_directory_tells_its_names() -> None:
    assert ROOT.names_in("/bin") == ["j", "jq"]
    assert ROOT.names_in("/tools/bin") == ["j", "jq"]
    assert ROOT.names_in("/app/") == ["out", "round", "serve", "up"]
    assert ROOT.names_in("/nowhere") == []
