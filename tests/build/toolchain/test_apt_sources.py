from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from farm.build.toolchain.apt_sources import AptSource, NoSignedSourceError, machine_sources

if TYPE_CHECKING:
    from pathlib import Path

DEBIAN = AptSource(("http://mirror.example/debian",), ("trixie",), ("main",), "/usr/share/keyrings/debian.pgp")
SIGNED = """\
Types: deb
URIs: http://mirror.example/debian/
Suites: trixie trixie-updates trixie-backports
Components: main
Signed-By: /usr/share/keyrings/debian.pgp
"""


def sources(etc: Path, suite: str = "trixie", **files: str) -> tuple[AptSource, ...]:
    parts = etc / "sources.list.d"
    parts.mkdir(parents=True)
    for name, text in files.items():
        path = etc / "sources.list" if name == "sources_list" else parts / name.replace("__", ".")
        path.write_text(text)
    return machine_sources(etc, suite)


def test_a_signed_source_counts_for_the_suite_and_its_updates_alone(tmp_path: Path) -> None:
    (source,) = sources(tmp_path, debian__sources=SIGNED)
    assert source.suites == ("trixie", "trixie-updates")
    assert source.uris == ("http://mirror.example/debian",)


def test_source_packages_are_enabled_in_what_apt_is_given(tmp_path: Path) -> None:
    (source,) = sources(tmp_path, debian__sources=SIGNED)
    assert source.stanza() == (
        "Types: deb deb-src\nURIs: http://mirror.example/debian\nSuites: trixie trixie-updates\n"
        "Components: main\nSigned-By: /usr/share/keyrings/debian.pgp\n"
    )


@pytest.mark.parametrize(
    "line",
    [
        "Trusted: yes",
        "trusted: Yes",
        "Trusted: 1",
        "Allow-Insecure: yes",
        "Allow-Weak: true",
        "Allow-Downgrade-To-Insecure: on",
        "Enabled: no",
    ],
)
def test_a_source_that_apt_would_take_unsigned_is_ignored(tmp_path: Path, line: str) -> None:
    with pytest.raises(NoSignedSourceError, match="trixie"):
        sources(tmp_path, debian__sources=SIGNED + line + "\n")


def test_saying_no_to_an_unsafe_option_keeps_the_source(tmp_path: Path) -> None:
    assert sources(tmp_path, debian__sources=SIGNED + "Trusted: no\n")


@pytest.mark.parametrize("uri", ["file:/usr/share/older", "copy:/srv/debian", "cdrom:disc", "ftp://mirror.example/"])
def test_a_source_of_another_scheme_is_ignored(tmp_path: Path, uri: str) -> None:
    with pytest.raises(NoSignedSourceError):
        sources(tmp_path, debian__sources=SIGNED.replace("http://mirror.example/debian/", uri))


def test_source_packages_alone_do_not_make_a_binary_source(tmp_path: Path) -> None:
    with pytest.raises(NoSignedSourceError):
        sources(tmp_path, debian__sources=SIGNED.replace("Types: deb", "Types: deb-src"))


def test_the_one_line_form_is_read_with_its_options(tmp_path: Path) -> None:
    text = (
        "# the mirror\n"
        "deb [arch=amd64 signed-by=/usr/share/keyrings/debian.pgp] http://mirror.example/debian trixie main # here\n"
        "deb [trusted=yes] http://evil.example/debian trixie main\n"
        "deb http://plain.example/debian/ trixie-security main contrib\n"
    )
    assert sources(tmp_path, sources_list=text) == (
        DEBIAN,
        AptSource(("http://plain.example/debian",), ("trixie-security",), ("main", "contrib")),
    )


def test_an_armoured_key_in_a_stanza_is_kept_whole(tmp_path: Path) -> None:
    key = "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBF\n -----END PGP PUBLIC KEY BLOCK-----\n"
    text = SIGNED.replace("Signed-By: /usr/share/keyrings/debian.pgp\n", key)
    (source,) = sources(tmp_path, debian__sources=text)
    assert source.stanza().endswith(
        "Signed-By: \n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBF\n -----END PGP PUBLIC KEY BLOCK-----\n"
    )


def test_stanzas_and_comments_are_told_apart(tmp_path: Path) -> None:
    text = f"# one\n{SIGNED}\n\n# two, unsigned\n{SIGNED.replace('mirror', 'other')}# inside\nTrusted: yes\n"
    assert [source.uris for source in sources(tmp_path, debian__sources=text)] == [("http://mirror.example/debian",)]


def test_a_machine_without_the_suite_is_told_what_to_add(tmp_path: Path) -> None:
    with pytest.raises(NoSignedSourceError) as caught:
        sources(tmp_path, suite="forky", debian__sources=SIGNED)
    assert "for the suite forky" in caught.value.message
    assert "Add a deb source for forky" in caught.value.remedy
