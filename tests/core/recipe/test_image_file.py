"""Image files: what is read, and every error message. `UPDATE_GOLDEN=1` rewrites the messages."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.core.files.problems import RecipeError
from farm.core.subscriber.image_file import KEYS, OwnDirectory, PathImport, read_image_file, unknown_packages
from farm.errors import Place

ROOT = Path(__file__).parents[3]
GOLDEN = Path(__file__).parent / "golden" / "images"
CASES = sorted(path.stem for path in GOLDEN.glob("*.yaml"))

WHOLE = b"""\
packages: [curl, bash, other.example/jq]
files: {./app: /app, ./rootfs: /}
run: [/app/serve, --port, 8080]
entrypoint: [/usr/bin/env]
env: {LANG: C.UTF-8, DEBUG: true, N: 1}
user: root:65534
workdir: /app
labels: {org.example.team: tools}
ports: [8080, 53/udp]
volumes: [/var/lib/app]
channel: dist.example.org/stable
replaces: [base-files]
imports: {/srv/www: "site:share/site", /bin/tools: jq}
"""


def test_an_image_file_says_what_an_image_is() -> None:
    image = read_image_file(WHOLE, "image.yaml")
    assert image.names == ("bash", "curl", "jq", "other.example/jq", "site")
    assert image.imports == (PathImport("srv/www", "site", "share/site"), PathImport("usr/bin/tools", "jq"))
    assert image.files == (OwnDirectory("./app", "app"), OwnDirectory("./rootfs", ""))
    assert image.command == ("/app/serve", "--port", "8080")
    assert image.entrypoint == ("/usr/bin/env",)
    assert image.environment == (("DEBUG", "true"), ("LANG", "C.UTF-8"), ("N", "1"))
    assert (image.user, image.workdir, image.channel) == ("0:65534", "/app", "dist.example.org/stable")
    assert image.labels == (("org.example.team", "tools"),)
    assert image.ports == ("53/udp", "8080/tcp")
    assert image.volumes == ("/var/lib/app",)
    assert image.replaces == ("base-files",)


def test_one_directory_keeps_its_name() -> None:
    assert read_image_file(b"packages: [jq]\nfiles: ../src/app/\n", "f").files == (OwnDirectory("../src/app/", "app"),)


def test_command_is_another_word_for_run() -> None:
    said, meant = (read_image_file(b"packages: [jq]\n%s: [jq, .]\n" % key, "f") for key in (b"command", b"run"))
    assert said == meant


@given(st.permutations(["bash", "curl", "jq", "openssl"]))
def test_the_order_of_packages_is_nothing(names: list[str]) -> None:
    image = read_image_file(f"packages: [{', '.join(names)}]\n".encode(), "image.yaml")
    assert image.names == ("bash", "curl", "jq", "openssl")


@pytest.mark.parametrize("case", CASES)
def test_a_bad_image_file_is_refused_with_these_words(case: str) -> None:
    with pytest.raises(RecipeError) as caught:
        read_image_file((GOLDEN / f"{case}.yaml").read_bytes(), f"{case}.yaml")
    message, expected = f"{caught.value}\n", GOLDEN / f"{case}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        expected.write_text(message)
    assert message == expected.read_text()


def test_packages_that_there_are_not_are_told_where_they_stand() -> None:
    image = read_image_file(b"packages:\n  - bash\n  - opnssl\n", "image.yaml")
    error = unknown_packages(image, {"opnssl": ("release 7 of stable has no package opnssl", "Did you mean openssl?")})
    assert error.place == Place("image.yaml", 3, 5)
    assert str(error) == (
        "image.yaml:3:5: release 7 of stable has no package opnssl\n  3 |   - opnssl\n    |     ^^^^^^\n"
        "  Did you mean openssl?"
    )


def test_every_key_is_in_the_pages_and_the_example_there_is_of_five_lines() -> None:
    page = (ROOT / "docs" / "subscribe.md").read_text()
    section = page[page.index("\n## Make an image") :]
    section = section[: section.index("\n## ", 5)]
    assert [key for key in KEYS if f"`{key}`" not in section] == []
    example = re.search(r"```yaml\n(.*?)```", section, re.DOTALL)
    assert example is not None
    assert example[1].count("\n") == 5
    read_image_file(example[1].encode(), "image.yaml")
