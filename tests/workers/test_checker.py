"""The checker next to the signer, each a process: what it refuses, crashes on or lies about is not signed."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx
import pytest
from securesystemslib.signer import CryptoSigner

from farm.core.names.digest import Digest
from farm.server.pipeline.repository.signer_client import (
    ImageSignerClient,
    SignerClient,
    SignerRefusedError,
    SignerUnreachableError,
)
from farm.trust.attestation.image_request import AskedImage
from farm.trust.index.advisory_index import AdvisoryIndex
from farm.trust.index.review_list import ReviewList
from farm.trust.keys.signers import read_signers
from farm.trust.metadata.repository import Repository, StalePolicyError
from tests.checker.built import DISTRIBUTION, EDGE
from tests.checker.channel import Channel, opened_channel
from tests.checker.signer_process import (
    checker_process,
    checker_socket,
    images_socket,
    running_signer,
    signer_process,
    signer_socket,
)
from tests.refusing import refuses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from farm.trust.index.release_index import Release

PARSERS = re.compile(
    r"yaml|zstandard|cvss|license_expression|docker|farm\.(checker|build|client|container|oci|server)"
    r"|farm\.core\.(sets|policy|advisories|files\b|recipe\.(load|distributions|contents)|fileset\.archive|package\.gather)"
    r"|farm\.store\.(blobs|decompress)|farm\.trust\.(metadata\.signed_policy|index\.(tree|node|advisory_index))"
)
"""Modules that read packages, recipes, policies, advisories, images and archives."""


TESTED = b"gates: [proof, tests: {of: changed-and-dependents}]\n"


@pytest.fixture
def channel(tmp_path: Path) -> Channel:
    return opened_channel(tmp_path, EDGE)


def next_release(channel: Channel, name: str) -> tuple[Release, Digest]:
    """The next release, with one more package, and its evidence: honest, and ready to be requested."""
    builder = channel.builder
    return channel.prepare(builder.build(builder.recipe(name)))


def asked(folder: Path) -> SignerClient:
    return SignerClient(signer_socket(folder))


def test_who_holds_the_keys_loads_nothing_that_reads_what_is_asked_about(channel: Channel, tmp_path: Path) -> None:
    signer = [sys.executable, "-X", "importtime", "-m", "workers.signer", "--repository", str(channel.public)]
    signer += ["--keys", str(channel.keys / "online"), "--socket", str(signer_socket(tmp_path))]
    signer += ["--images-socket", str(images_socket(tmp_path))]
    with checker_process(tmp_path, channel.public), (tmp_path / "imports").open("w") as imports:
        process = subprocess.Popen(signer, stderr=imports)
        try:
            while not (signer_socket(tmp_path).exists() and images_socket(tmp_path).exists()):
                assert process.poll() is None
                time.sleep(0.05)
            asked(tmp_path).sign(*next_release(channel, "zlib"))
            asked(tmp_path).publish_advisories(AdvisoryIndex(DISTRIBUTION, ()))
            asked(tmp_path).publish_reviews(ReviewList(DISTRIBUTION))
            image = AskedImage("edge", 1, ("zlib",), plain=False)
            ImageSignerClient(images_socket(tmp_path)).attest(image.to_json())
        finally:
            process.terminate()
            process.wait()
    assert channel.released == 1
    loaded = {line.rpartition("|")[2].strip() for line in (tmp_path / "imports").read_text().splitlines()}
    assert {
        "farm.trust.metadata.repository",
        "farm.trust.attestation.release_summary",
        "farm.trust.attestation.image_statement",
    } <= loaded
    assert {name for name in loaded if PARSERS.match(name)} == set()


def test_a_refusal_comes_as_it_is(tmp_path: Path) -> None:
    """Code, message and remedy of the error that the checker has raised."""
    tested = opened_channel(tmp_path, TESTED, testers=[CryptoSigner.generate_ed25519()])
    recipe = tested.builder.recipe("zlib", more="tests: [{name: works, command: [/usr/bin/works]}]\n")
    release, evidence = tested.prepare(tested.builder.build(recipe))
    with refuses("untested-release") as here:
        tested.decision.check(release, evidence)
    with running_signer(tmp_path, tested.public):
        transport = httpx.HTTPTransport(uds=str(signer_socket(tmp_path)))
        with httpx.Client(transport=transport, base_url="http://signer") as client:
            answer = client.post(f"/releases?evidence={evidence}", content=release.to_json())
    assert answer.status_code == 409
    said = {"code": "untested-release", "message": here.value.message, "remedy": here.value.remedy}
    assert answer.json() == {**said, "packages": {}}
    assert tested.released == 0


def test_without_a_checker_timestamps_are_signed_and_releases_wait(channel: Channel, tmp_path: Path) -> None:
    timestamp = channel.public / "metadata" / "timestamp.json"
    before = timestamp.read_bytes()
    release, evidence = next_release(channel, "zlib")
    with signer_process(tmp_path, channel.public):
        with pytest.raises(
            SignerUnreachableError, match=r"the checker does not answer at .*/check/checker.sock"
        ) as away:
            asked(tmp_path).sign(release, evidence)
        assert "workers.checker" in away.value.remedy
        assert timestamp.read_bytes() != before
        assert channel.released == 0
        with checker_process(tmp_path, channel.public):
            asked(tmp_path).sign(release, evidence)
    assert channel.released == 1


def test_a_checker_that_hangs_holds_up_no_timestamp_and_gets_nothing_signed(channel: Channel, tmp_path: Path) -> None:
    release, evidence = next_release(channel, "zlib")
    with (
        checker_process(tmp_path, channel.public) as checker,
        signer_process(tmp_path, channel.public, "--check-seconds", "2"),
    ):
        checker.send_signal(signal.SIGSTOP)
        refused: list[SignerRefusedError] = []
        asking = threading.Thread(target=lambda: refused.append(refusal(tmp_path, release, evidence)))
        asking.start()
        Repository(channel.public).refresh_timestamp(read_signers(channel.keys / "online"), datetime.now(UTC))
        assert asking.is_alive()
        asking.join()
        assert "the checker has not answered within" in refused[0].message
        assert channel.released == 0
        checker.send_signal(signal.SIGCONT)
        asked(tmp_path).sign(release, evidence)
    assert channel.released == 1


def refusal(folder: Path, release: Release, evidence: Digest) -> SignerRefusedError:
    with pytest.raises(SignerRefusedError) as refused:
        asked(folder).sign(release, evidence)
    return refused.value


def test_a_check_that_does_not_end_ends_the_checker_which_says_where_it_was(channel: Channel, tmp_path: Path) -> None:
    release, evidence = next_release(channel, "zlib")
    with signer_process(tmp_path, channel.public):
        with checker_process(tmp_path, channel.public, "--seconds", "0.001") as checker:  # none ends within that time
            refused = refusal(tmp_path, release, evidence)
            assert checker.wait() == 1
        assert "the checker ended during the check" in refused.message
        assert (refused.said, dict(refused.by_package)) == (
            "check-broken",
            {},
        )  # no package is blamed, all is asked again
        log = (tmp_path / "workers.checker.log").read_text()
        assert "Timeout" in log
        assert re.search(r'workers/checker\.py", line \d+ in release$', log, re.MULTILINE)
        assert channel.released == 0
        with checker_process(tmp_path, channel.public):
            asked(tmp_path).sign(release, evidence)
    assert channel.released == 1


def test_an_image_that_takes_too_long_ends_nothing_but_itself(channel: Channel, tmp_path: Path) -> None:
    """Strangers request images: a concurrent check of a release is not affected."""
    builder = channel.builder
    channel.sign(builder.build(builder.recipe("zlib")))
    image = AskedImage("edge", 1, ("zlib",), plain=False).to_json()
    with (
        checker_process(tmp_path, channel.public, "--image-seconds", "0.001") as checker,
        signer_process(tmp_path, channel.public),
    ):
        with pytest.raises(SignerRefusedError, match=r"was not computed within 0\.001 seconds"):
            ImageSignerClient(images_socket(tmp_path)).attest(image)
        asked(tmp_path).sign(*next_release(channel, "jq"))
        assert checker.poll() is None
    assert channel.released == 2


def test_a_refusal_of_an_image_comes_as_it_is(channel: Channel, tmp_path: Path) -> None:
    builder = channel.builder
    channel.sign(builder.build(builder.recipe("zlib")))
    with running_signer(tmp_path, channel.public):
        image = AskedImage("edge", 1, ("jq",), plain=False)
        with pytest.raises(SignerRefusedError, match="jq") as refused:
            ImageSignerClient(images_socket(tmp_path)).attest(image.to_json())
    assert refused.value.said == "unknown-package"
    assert refused.value.remedy


def test_a_check_that_takes_more_memory_than_it_may_is_a_refusal(channel: Channel, tmp_path: Path) -> None:
    release, evidence = next_release(channel, "zlib")
    greedy = channel.builder.blobs.put_bytes(b"[" + b"[]," * (8 << 20) + b"[]]")
    with (
        checker_process(tmp_path, channel.public, "--memory", "700"),
        signer_process(tmp_path, channel.public),
    ):
        refused = refusal(tmp_path, release, greedy)
        assert "ended in an unexpected error: MemoryError" in refused.message
        assert "log/checker.log" in refused.remedy
        asked(tmp_path).sign(release, evidence)
    assert channel.released == 1


def test_a_checker_that_is_killed_and_started_again_goes_on(channel: Channel, tmp_path: Path) -> None:
    with signer_process(tmp_path, channel.public):
        for name in ("zlib", "jq"):
            with checker_process(tmp_path, channel.public):
                asked(tmp_path).sign(*next_release(channel, name))
    assert channel.released == 2


LIES: dict[str, tuple[Callable[[dict[str, object]], object], str]] = {
    "another release": (lambda said: said | {"release": Digest.of(b"other")}, "was asked about"),
    "on another base": (lambda said: said | {"previous": Digest.of(b"other")}, "it was checked against"),
    "nothing": (lambda _said: {}, "this is not a valid verified release"),
    "too much": (lambda said: said | {"sign": "also this"}, "this is not a valid verified release"),
    "no object": (lambda said: [said], "this is not a valid verified release"),
    "a word that it has not": (lambda said: said | {"checked": ["EVERYTHING"]}, "this is not a valid verified release"),
}


@pytest.mark.parametrize("lie", LIES)
def test_an_answer_about_something_else_signs_nothing(channel: Channel, tmp_path: Path, lie: str) -> None:
    release, evidence = next_release(channel, "zlib")
    honest = json.loads(channel.decision.check(release, evidence).to_json())
    change, why = LIES[lie]
    with signer_process(tmp_path, channel.public):
        with lying_checker(tmp_path, json.dumps(change(honest)).encode()):
            assert why in refusal(tmp_path, release, evidence).message
        assert channel.released == 0
        assert not [*channel.public.glob("summaries/*")]
        with checker_process(tmp_path, channel.public):
            asked(tmp_path).sign(release, evidence)
    assert channel.released == 1


def test_an_answer_under_another_policy_signs_nothing_and_it_may_be_asked_again(
    channel: Channel, tmp_path: Path
) -> None:
    """The same holds when targets change while the checker works."""
    release, evidence = next_release(channel, "zlib")
    honest = json.loads(channel.decision.check(release, evidence).to_json())
    with signer_process(tmp_path, channel.public):
        with (
            lying_checker(tmp_path, json.dumps(honest | {"policy": Digest.of(b"lax")}).encode()),
            pytest.raises(SignerUnreachableError, match="other builders or policies"),
        ):
            asked(tmp_path).sign(release, evidence)
        assert channel.released == 0
        with checker_process(tmp_path, channel.public):
            asked(tmp_path).sign(release, evidence)
    assert channel.released == 1


def test_an_answer_that_is_none_signs_nothing(channel: Channel, tmp_path: Path) -> None:
    release, evidence = next_release(channel, "zlib")
    with signer_process(tmp_path, channel.public):
        for status, content, why in (
            (200, b"[" * 100_000, "this is not a valid verified release"),
            (409, b"not JSON", "it is not a valid refusal"),
            (500, b"", "failed (status 500)"),
            (200, None, "ended during the check"),
        ):
            with lying_checker(tmp_path, content, status):
                assert why in refusal(tmp_path, release, evidence).message
    assert channel.released == 0


@contextmanager
def lying_checker(folder: Path, content: bytes | None, status: int = 200) -> Iterator[None]:
    """An attacker in the checker: answers the next question with this; None: closes the connection."""
    path = checker_socket(folder)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                while connection.recv(1 << 20)[-1:] != b"}":
                    pass
                if content is not None:
                    head = f"HTTP/1.1 {status} said\r\nContent-Length: {len(content)}\r\n\r\n"
                    connection.sendall(head.encode() + content)

        answering = threading.Thread(target=answer, daemon=True)
        answering.start()
        yield
        answering.join()
    path.unlink()


def test_what_was_checked_by_a_policy_of_before_is_not_signed(channel: Channel) -> None:
    release, evidence = next_release(channel, "zlib")
    verified = channel.decision.check(release, evidence)
    repository, signers = Repository(channel.public), read_signers(channel.keys / "online")
    with pytest.raises(StalePolicyError) as stale:
        repository.publish(release, signers, datetime.now(UTC), verified=replace(verified, policy=Digest.of(b"before")))
    assert stale.value.remedy
    assert channel.released == 0
    repository.publish(release, signers, datetime.now(UTC), verified=verified)
    assert channel.released == 1
