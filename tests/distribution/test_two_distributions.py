"""Two whole farms, each with its own domain, keys, state and port: one imports a package of the other."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from securesystemslib.signer import CryptoSigner

from farm.core.names.digest import Digest
from farm.server.pipeline.repository.next_release import make_release
from farm.store.blobs import BlobStore
from farm.trust.index.tree import IndexTree
from farm.trust.keys.signers import load_signer, read_signers
from farm.trust.metadata.repository import Repository
from tests.client.distribution import SmallDistribution
from tests.client.name_server import NameServer
from tests.distribution.conftest import empty_host
from tests.farms.running import RECIPES, Ran, RunningFarm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from farm.trust.index.imports import Import
    from farm.trust.index.release_index import Release, ReleaseEntry

pytestmark = [pytest.mark.docker, pytest.mark.toolchain]

THERE, HERE = "other.example", "dist.example.org"
SAY = f"{THERE}/say"
SECONDS = 120
RECIPE = """\
name: {name}
version: "{version}"
summary: {summary}
license: 0BSD
source:
  - file: LICENSE
  - file: program.c
toolchain: c
{more}steps:
  - run: |
      mkdir -p "$DESTDIR/usr/bin"
      cc $CFLAGS -static -o "$DESTDIR/usr/bin/{name}" /sources/program.c
      install -D --mode=0644 --target-directory="$DESTDIR/usr/share/licenses/{name}" /sources/LICENSE
tests:
  - command: [{name}]
    matches: "^{says}"
"""
SPEAKER = '#include <stdio.h>\nint main(void) {{ puts("said by {version}"); return 0; }}\n'
ASKER = """\
#include <stdio.h>
#include <unistd.h>
int main(void) {
    printf("asked by dist, ");
    fflush(stdout);
    execl("/usr/bin/say", "say", (char *) 0);
    return 1;
}
"""


def written(folder: Path, name: str, program: str, **words: str) -> Path:
    place = folder / words["version"] / name
    place.mkdir(parents=True)
    (place / "recipe.yaml").write_text(RECIPE.format(name=name, **{"more": "", **words}))
    (place / "program.c").write_text(program)
    (place / "LICENSE").write_text("Do with it what you like.\n")
    return place


def say(folder: Path, version: str) -> Path:
    """The package of the other farm; each version prints its own number."""
    program = SPEAKER.format(version=version)
    return written(folder, "say", program, version=version, summary="Says its version", says="said by")


def small_tree(folder: Path, domain: str) -> Path:
    """Return a tree of recipes without packages, whose programs bring what they need of the C library."""
    tree = folder / domain
    for part in ("steps", "toolchains"):
        shutil.copytree(RECIPES / part, tree / part)
    for part in ("full.yaml", "full.lock"):
        (tree / "toolchains" / part).unlink()
    toolchain = tree / "toolchains" / "c.yaml"
    toolchain.write_text(re.sub(r"(?m)^runtime:.*\n", "", toolchain.read_text()))
    (tree / "channels").mkdir()
    (tree / "channels" / "edge.yaml").write_text("gates:\n  - proof\n  - tests: {of: changed-and-dependents}\n")
    (tree / "distribution.yaml").write_text(f"domain: {domain}\nsummary: One of two\n")
    (tree / "packages").mkdir()
    return tree


def until(condition: Callable[[], Any], farm: RunningFarm) -> Any:
    """Wait until the function returns a true value."""
    deadline = time.monotonic() + SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, farm.run("channel", "show", "edge").output
        time.sleep(0.2)
    return found


def head(farm: RunningFarm) -> Release:
    """Return the newest signed release, read from the published files."""
    release = Repository(farm.state / "public").current("edge").release
    assert release is not None
    return release


def taken(farm: RunningFarm) -> Import:
    (found,) = head(farm).imports
    return found


@dataclass
class Pair:
    """`there` releases `say`; `here` is another farm that imports it. Changes to `there` are undone at the end."""

    there: RunningFarm
    here: RunningFarm
    folder: Path
    enrolled: str = ""

    def subscriber(self, name: str) -> Callable[..., Ran]:
        """Return a function that runs `farm` on a host of its own, which follows only the channel here."""
        host = RunningFarm(self.here.state, self.folder / name / "host", port=self.here.port)
        state = self.folder / name / "state"
        options = ("--fingerprint", self.here.fingerprint)
        host.run("subscribe", f"{self.here.url}/repository", "edge", *options, state=state).done()
        return lambda *words: host.run(*words, state=state)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("pair")
    there, here = (
        RunningFarm(
            folder / domain,
            empty_host(folder / "hosts" / domain),
            ("--workers", "1", "--follow-every", "1"),
            recipes=small_tree(folder / "trees", domain),
        )
        for domain in (THERE, HERE)
    )
    try:
        there.start()
        there.submit(say(folder, "1.0")).done()
        enrolled = enrol(there, here, folder)
        here.start()
        asker = written(
            folder,
            "ask",
            ASKER,
            version="1.0",
            summary="Lets another speak",
            says="asked by dist, said by",
            more=f"requires: [{SAY}]\n",
        )
        here.submit(asker).done()
        yield Pair(there, here, folder, enrolled)
    finally:
        here.stop()
        there.stop()
        if os.environ.get("FARM_KEEP_TESTS") is None:
            shutil.rmtree(folder, ignore_errors=True)


def enrol(there: RunningFarm, here: RunningFarm, folder: Path) -> str:
    """Name the other distribution in the recipes here as its DNS record does; return its root."""
    server = NameServer()
    public = str(there.state / "public")
    line = there.run("keys", "dns", THERE, "--repository", public, "--address", f"{there.url}/repository").done().output
    server.texts[f"_farm.{THERE}"] = ["".join(line.split('"')[1::2])]
    with server.running():
        looked = there.run("subscribe", f"{THERE}/edge", "--resolver", server.address, state=folder / "look").done()
    found = re.search(r"pinned the root (sha256:[0-9a-f]{64}) of (\S+),", looked.output)
    assert found is not None, looked.output
    root, address = found.groups()
    (here.recipes / "distributions.yaml").write_text(
        f"{THERE}:\n  address: {address}\n  channel: edge\n  root: {root}\n"
    )
    return root


def test_the_release_here_pins_the_release_over_there_by_its_digest(pair: Pair) -> None:
    assert pair.enrolled == pair.there.fingerprint != pair.here.fingerprint
    pin, over_there = taken(pair.here), head(pair.there)
    assert (pin.distribution, pin.number, pin.release, pin.root) == (THERE, 1, over_there.digest, pair.enrolled)
    assert [package.name for package in pin.packages] == ["say"]
    shown = pair.here.newest()
    assert [package["name"] for package in shown["packages"]] == ["ask", "ask-debug"]
    (imported,) = shown["imports"]
    assert (imported["distribution"], imported["number"], imported["release"], imported["root"]) == (
        THERE,
        1,
        over_there.digest,
        pair.enrolled,
    )
    assert [(package["name"], package["version"]) for package in imported["packages"]] == [(SAY, "1.0")]
    said_of_it = pair.here.run("release", "show", "edge", "1").done().output
    assert re.search(rf"^{SAY} +1\.0-1 +{imported['packages'][0]['package']}$", said_of_it, re.MULTILINE)
    assert f"imports of {THERE}: release 1 of edge, {over_there.digest}, under the root {pair.enrolled}" in said_of_it


def test_a_subscriber_runs_both_and_verifies_each_against_its_own_root(pair: Pair, tmp_path: Path) -> None:
    subscriber = pair.subscriber("first")
    root = tmp_path / "root"
    subscriber("install", "--root", str(root), "ask").done()
    assert said(root) == "asked by dist, said by 1.0\n"
    (pinned,) = (pair.folder / "first" / "state" / "imports" / THERE).iterdir()
    assert Digest.of((pinned / "root.json").read_bytes()) == pair.there.fingerprint
    # It was fetched from the other repository: the repository here does not hold it.
    assert not blobs_of(pair.here).has(entry_of(pair.there, "say").archive.digest)
    ran = subscriber("run", "--verbose", "ask", "--", "ask").done()
    assert ran.output == "asked by dist, said by 1.0\n"
    assert f"{SAY} 1.0-1" in ran.message


def test_a_new_release_over_there_becomes_one_here_by_itself(pair: Pair, tmp_path: Path) -> None:
    subscriber = pair.subscriber("second")
    root = tmp_path / "root"
    subscriber("install", "--root", str(root), "ask").done()
    before = kinds_of_jobs(pair.here)
    pair.there.submit(say(pair.folder, "2.0")).done()
    assert until(lambda: head(pair.here).number == 2, pair.here)
    pin, over_there = taken(pair.here), head(pair.there)
    assert (pin.number, pin.release) == (2, over_there.digest)
    # It was proven and tested here as any update is, and nothing was built for it.
    (channel,) = pair.here.json("channel", "show", "edge")
    gates = [(gate["gate"], gate["state"]) for gate in channel["candidate"]["gates"]]
    assert gates == [("proof", "passed"), ("tests", "passed")]
    assert kinds_of_jobs(pair.here) == ["test", *before]
    changed = pair.here.json("release", "diff", "edge", "1", "2")["changes"]
    assert [(change["package"], change["change"], change["after"]["version"]) for change in changed] == [
        (SAY, "version", "2.0-1")
    ]
    subscriber("install", "--root", str(root), "ask").done()
    assert said(root) == "asked by dist, said by 2.0\n"


def test_a_package_over_there_that_was_altered_is_refused(pair: Pair, tmp_path: Path) -> None:
    subscriber = pair.subscriber("third")
    path = blobs_of(pair.there).path(entry_of(pair.there, "say").archive.digest)
    whole = path.read_bytes()
    try:
        path.write_bytes(whole[:-600] + b"x" + whole[-599:])
        refused = subscriber("install", "--root", str(tmp_path / "root"), "ask")
    finally:
        path.write_bytes(whole)
    assert refused.status == 1
    assert f"cannot fetch the archive of {SAY}: expected sha256:" in refused.message
    assert not (tmp_path / "root" / ".farm" / "current").exists()
    subscriber("install", "--root", str(tmp_path / "root"), "ask").done()


def test_another_cannot_release_under_a_name_of_ours(pair: Pair, tmp_path: Path) -> None:
    """A signer there that signs everything, with a builder that attests it, does not get a package imported."""
    before = head(pair.here)
    forge(pair.there, tmp_path, "say", version="3.0")
    why = rf"{SAY} 3\.0-1 of release 3 of {THERE}/edge is described as {HERE}/say 3\.0-1, which only its owner may"
    log = pair.here.state / "log" / "control.log"
    assert until(lambda: re.search(why, log.read_text()), pair.here)
    assert head(pair.here) == before
    # A subscriber of that distribution itself does not get it either; what was pinned before stays available.
    options = ("--fingerprint", pair.there.fingerprint)
    state = tmp_path / "state"
    pair.there.run("subscribe", f"{pair.there.url}/repository", "edge", *options, state=state).done()
    refused = pair.there.run("install", "--root", str(tmp_path / "root"), "say", state=state)
    assert refused.status == 1
    assert re.search(why, refused.message)
    pair.subscriber("fourth")("install", "--root", str(tmp_path / "other"), "ask").done()
    assert said(tmp_path / "other") == "asked by dist, said by 2.0\n"


def forge(farm: RunningFarm, folder: Path, name: str, *, version: str) -> None:
    """Publish, with all keys of `farm` and none of the other owner's, a package that claims to be one of `HERE`."""
    builder = load_signer(farm.state / "workers" / "worker-1" / "key")
    assert isinstance(builder, CryptoSigner)
    forger = SmallDistribution(folder / "forger", builder=builder, domain=HERE)
    forger.package(name, {f"bin/{name}": "bad"}, version=version)
    entry, _ = forger.entries[name]
    public, before = blobs_of(farm), head(farm)
    release, index = make_release(
        before,
        [entry],
        set(),
        distribution=before.distribution,
        channel=before.channel,
        now=datetime.now(UTC),
        read=lambda blob: public.read(blob.digest),
    )
    for content in (*index, release.to_json(), *(forger.read(blob) for blob in entry.blobs)):
        public.put_bytes(content)
    signers = read_signers(farm.state / "keys" / "online")
    Repository(farm.state / "public").publish(release, signers, datetime.now(UTC))


def kinds_of_jobs(farm: RunningFarm) -> list[str]:
    return [job["kind"] for job in farm.json("jobs", "--limit", "100")["jobs"]]


def said(root: Path) -> str:
    return subprocess.run(["chroot", root, "/usr/bin/ask"], capture_output=True, text=True, check=True).stdout


def blobs_of(farm: RunningFarm) -> BlobStore:
    return BlobStore(farm.state / "public" / "blobs")


def entry_of(farm: RunningFarm, name: str) -> ReleaseEntry:
    entry = IndexTree(lambda blob: blobs_of(farm).read(blob.digest), head(farm).index).entry(name)
    assert entry is not None
    return entry
