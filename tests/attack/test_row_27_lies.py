"""A lying control that does more than send messages: it controls the public blobs and the sockets."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from farm.core.names.canonical_json import canonical_json
from farm.core.plan.job import BlobRef
from tests.attack import scenario
from tests.attack.attacks import goes_on
from tests.attack.farm import key_of
from tests.attack.liar import MALLORY, Liar
from tests.attack.oracle import Oracle, names_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from farm.trust.index.release_index import ReleaseEntry
    from tests.attack.attacks import Range

BUILDER = key_of("builder")


@pytest.fixture
def liar(attack_range: Range, tmp_path: Path) -> Iterator[Liar]:
    made = Liar(attack_range.copy(tmp_path / "farm"))
    yield made
    made.farm.close()


@pytest.fixture
def oracle(attack_range: Range) -> Oracle:
    return attack_range.oracle


def honest_work_goes_on(liar: Liar, oracle: Oracle) -> None:
    farm = liar.farm
    farm.takes_up()
    farm.rests()
    goes_on(farm)
    assert oracle.wrongs(farm.public) == []
    assert {"next", "after"} <= names_in(farm.public, oracle.pinned, "edge").keys()


def put(path: Path, content: bytes) -> None:
    """Replace a blob by a file, atomically."""
    aside = path.with_name("aside")
    aside.write_bytes(content)
    aside.replace(path)


def test_an_archive_that_lies_under_anothers_digest_while_it_is_looked_at(liar: Liar, oracle: Oracle) -> None:
    """The signed digest would be the digest of the bytes that are put there afterwards."""
    evil = liar.keep(b"evil" * 100)
    put(liar.path_of(evil.digest), liar.read(liar.entry("next").archive))
    size = liar.path_of(evil.digest).stat().st_size
    answer = liar.ask(liar.compose("edge", liar.entry("next", archive=BlobRef(evil.digest, size))))
    assert answer.status_code == 409
    assert oracle.wrongs(liar.farm.public) == []
    honest_work_goes_on(liar, oracle)


def _evil(liar: Liar) -> ReleaseEntry:
    """A package built and attested by a stranger, whose blobs are in the public store."""
    return liar.built("next", MALLORY)


@pytest.mark.parametrize("kind", ["archive", "provenance", "descriptor", "manifest", "facts"])
def test_blobs_that_change_while_they_are_looked_at(liar: Liar, oracle: Oracle, kind: str) -> None:
    """Honest bytes and other bytes alternate under the digest of the other bytes."""
    evil, honest = _evil(liar), liar.entry("next")
    blob: BlobRef = getattr(evil, kind)
    path, contents = liar.path_of(blob.digest), (liar.read(blob), liar.read(getattr(honest, kind)))
    size = len(contents[1])
    entry = replace(honest, **{kind: BlobRef(blob.digest, size)})
    over = threading.Event()

    def exchange() -> None:
        while not over.is_set():
            for content in (contents[1], contents[0], contents[1][:-1] + b"x"):
                put(path, content.ljust(size, b"\0")[:size])

    racing = threading.Thread(target=exchange)
    racing.start()
    try:
        for _ in range(10):
            liar.ask(liar.compose("edge", entry))
            assert oracle.wrongs_but_for_blobs(liar.farm.public, {blob.digest}) == []
    finally:
        over.set()
        racing.join()
    put(path, contents[0])
    assert oracle.wrongs(liar.farm.public) == []


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.mkdir()


def _endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _key(path: Path) -> None:
    path.symlink_to(path.parents[4] / "keys/online/edge")


def _itself(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize("make", [_pipe, _folder, _endless, _key, _itself], ids=lambda make: make.__name__[1:])
@pytest.mark.parametrize("kind", ["evidence", "index", "descriptor", "provenance", "archive"])
def test_what_is_no_file_in_the_place_of_a_blob(
    liar: Liar, oracle: Oracle, kind: str, make: Callable[[Path], None]
) -> None:
    """A pipe without a writer, an endless file, a file that only the signer may read."""
    blob = liar.keep(b"in its place")
    liar.path_of(blob.digest).unlink()
    make(liar.path_of(blob.digest))
    if kind == "evidence":
        answer = liar.ask(liar.compose("edge", liar.entry("next")), str(blob.digest))
    elif kind == "index":
        answer = liar.ask(liar.compose("edge", liar.entry("next"), index=blob))
    else:
        answer = liar.ask(liar.compose("edge", replace(liar.entry("next"), **{kind: blob})))
    assert answer.status_code == 409, answer.text
    assert "PRIVATE" not in answer.text
    assert oracle.wrongs(liar.farm.public) == []
    if kind == "archive":
        honest_work_goes_on(liar, oracle)


def test_many_at_once(liar: Liar, oracle: Oracle) -> None:
    """Allowed and forbidden releases, requested at the same time: the signer does not confuse them."""
    wanted = [liar.compose("edge", liar.entry("next"))]
    wanted += [liar.compose("edge", liar.entry(name), liar.entry("next")) for name in ("viral", "hungry", "clash")]
    wanted += [liar.compose("twice", liar.entry("lone")), liar.compose("stable", liar.entry("lone"))]
    evidence = str(liar.keep(liar.evidence().to_json()).digest)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda release: liar.ask(release, evidence), wanted * 4))
    assert {answer.status_code for answer in answers} == {200, 409}
    assert oracle.wrongs(liar.farm.public) == []
    assert names_in(liar.farm.public, oracle.pinned, "edge").keys() > {"next"}


def test_connections_that_never_say_all(liar: Liar, oracle: Oracle) -> None:
    with ExitStack() as open_ones:
        for path in (liar.farm.socket, liar.farm.images_socket) * 60:
            connection = open_ones.enter_context(socket.socket(socket.AF_UNIX))
            connection.connect(str(path))
            connection.sendall(b"POST /releases?evidence=x HTTP/1.1\r\nHost: signer\r\nContent-Length: 100\r\n\r\n{")
        honest_work_goes_on(liar, oracle)


def test_a_released_package_with_a_recipe_that_nobody_has_signed(liar: Liar, oracle: Oracle) -> None:
    """Its plan is the same, so an honest builder made the same package, and signed which recipe it was given."""
    recipe = scenario.recipe_with_test("lib")
    recipe["recipe.yaml"] = recipe["recipe.yaml"].replace(b"The lib package", b"Safe to run as root")
    digest = liar.recipe(recipe)
    provenance = liar.vouch("lib", BUILDER, recipe=digest)
    lie = replace(liar.entry("lib"), recipe=digest, provenance=provenance, summary="Safe to run as root")
    answer = liar.ask(liar.compose("edge", lie))
    assert oracle.wrongs(liar.farm.public) == []
    assert answer.status_code == 409
    honest_work_goes_on(liar, oracle)


def test_a_release_that_is_signed_behind_the_databases_back(liar: Liar, oracle: Oracle) -> None:
    """It passes all gates, and control, once honest again, knows nothing of it."""
    answer = liar.ask(liar.compose("edge", liar.entry("next")))
    assert answer.status_code == 200, answer.text
    behind = liar.farm.release("edge")
    assert behind is not None
    honest_work_goes_on(liar, oracle)
    newest = liar.farm.release("edge")
    assert newest is not None
    assert newest.number == behind.number + 1
    assert (
        liar.rows("SELECT digest FROM release WHERE channel = 'edge' AND number = ?", behind.number)[0][0]
        == behind.digest
    )
    assert [row["actor"] for row in liar.rows("SELECT * FROM audit WHERE action = 'adopt'")] == ["pipeline"]
    assert liar.farm.errors == []


def test_an_older_database_beside_what_is_published(liar: Liar, oracle: Oracle) -> None:
    """The older database lacks `after`, which was built twice because a channel requires it; nothing is rebuilt."""
    farm, older = liar.farm, liar.farm.folder / "older.db"
    with closing(sqlite3.connect(farm.folder / "farm.db")) as database:
        database.execute("VACUUM INTO ?", (str(older),))
    goes_on(farm)
    before = liar.rows("SELECT digest, plan, recipe, sbom, build, built_by FROM package WHERE name = 'after'")
    attested = liar.rows("SELECT package, built_by, provenance FROM attestation ORDER BY package")
    signed = liar.rows("SELECT recipe, person FROM recipe_signature ORDER BY recipe")
    assert "after" in names_in(farm.public, oracle.pinned, "twice")
    released = {channel: farm.release(channel) for channel in scenario.POLICIES}
    farm.database.close()
    for path in farm.folder.glob("farm.db*"):
        path.unlink()
    older.rename(farm.folder / "farm.db")
    farm.__post_init__()
    farm.takes_up()
    farm.rests()
    assert {channel: farm.release(channel) for channel in scenario.POLICIES} == released
    assert farm.errors == []
    after = liar.rows("SELECT digest, plan, recipe, sbom, build, built_by FROM package WHERE name = 'after'")
    assert [tuple(row) for row in after] == [tuple(row) for row in before]
    assert set(map(tuple, liar.rows("SELECT package, built_by, provenance FROM attestation"))) == set(
        map(tuple, attested)
    )
    assert set(map(tuple, liar.rows("SELECT recipe, person FROM recipe_signature"))) == set(map(tuple, signed))
    honest_work_goes_on(liar, oracle)


def test_blobs_of_what_is_released_that_are_taken_away_or_spoiled(liar: Liar, oracle: Oracle) -> None:
    """A checker without memory cannot continue from that release, and what is refused is requested anew at once."""
    lib, tool = liar.released("edge", "lib"), liar.released("edge", "tool")
    for blob in (lib.descriptor, lib.facts, lib.manifest):
        liar.path_of(blob.digest).unlink()
    put(liar.path_of(tool.facts.digest), b"spoiled".ljust(tool.facts.size, b"\0"))
    put(liar.path_of(tool.manifest.digest), b"cut off")
    liar.farm.stop()
    liar.farm.start()
    honest_work_goes_on(liar, oracle)
    assert [row["reason"] for row in liar.rows("SELECT reason FROM excuse WHERE reason LIKE '%blob%'")] == []
    for entry in (lib, tool):
        for blob in entry.blobs:
            liar.farm.blobs.verify(blob.digest)


def test_a_blob_that_the_farm_has_lost_too_is_named_with_what_helps(liar: Liar, oracle: Oracle) -> None:
    archive = liar.entry("next").archive
    content, own = liar.read(archive), liar.farm.application.blobs
    put(liar.path_of(archive.digest), b"spoiled".ljust(archive.size, b"\0"))
    own.delete(archive.digest)
    liar.farm.takes_up()
    liar.farm.rests()
    ((reason, remedy),) = liar.rows(
        "SELECT reason, remedy FROM excuse WHERE channel = 'edge' AND gate = 'signer' AND package = 'next'"
    )
    assert archive.digest in reason
    assert f"Bring {archive.digest} back" in remedy
    own.put_bytes(content)
    honest_work_goes_on(liar, oracle)
    assert liar.read(archive) == content


def test_an_image_of_other_bytes(liar: Liar, oracle: Oracle) -> None:
    """A package's published files are replaced before the signer is asked to sign its image."""
    archive = liar.released("edge", "lib").archive
    honest = liar.read(archive)
    question = canonical_json({"channel": "edge", "number": 2, "packages": ["lib"], "plain": False})
    said = liar.post("/images", question)
    assert said.status_code == 200
    put(liar.path_of(archive.digest), liar.read(liar.entry("viral").archive).ljust(archive.size, b"\0"))
    answer = liar.post("/images", question)
    assert answer.status_code == 409 or answer.content == said.content
    put(liar.path_of(archive.digest), honest)
    honest_work_goes_on(liar, oracle)


def test_older_metadata_put_back(liar: Liar, oracle: Oracle, tmp_path: Path) -> None:
    """A release is to be signed again with other content: a second history next to the one that subscribers saw."""
    public = liar.farm.public
    shutil.copytree(public / "metadata", tmp_path / "before")
    assert liar.ask(liar.compose("edge", liar.entry("next"))).status_code == 200
    shutil.move(public / "metadata", tmp_path / "newest")
    shutil.copytree(tmp_path / "before", public / "metadata")
    other = replace(liar.released("edge", "lib"), rebuilds=())  # honest on its own
    answer = liar.ask(liar.compose("edge", other))
    assert answer.status_code == 409
    assert "was put back to an earlier state" in answer.text
    assert {path.name for path in (public / "metadata").iterdir()} == {
        path.name for path in (tmp_path / "before").iterdir()
    }
    shutil.rmtree(public / "metadata")
    shutil.move(tmp_path / "newest", public / "metadata")
    assert liar.ask(liar.compose("edge", other)).status_code == 200
    assert oracle.wrongs(public) == []


def test_a_blob_that_was_spoiled_is_not_signed_for_again(liar: Liar, oracle: Oracle) -> None:
    """The bytes of released blobs are replaced, and the release is requested again."""
    entry = liar.released("edge", "lib")
    for blob in (entry.archive, entry.descriptor, entry.provenance):
        honest = liar.read(blob)
        put(liar.path_of(blob.digest), b"spoiled".ljust(len(honest), b"\0"))
        answer = liar.ask(liar.compose("edge", replace(entry, rebuilds=())))
        assert answer.status_code == 409, answer.text
        put(liar.path_of(blob.digest), honest)
    assert oracle.wrongs(liar.farm.public) == []
    honest_work_goes_on(liar, oracle)
