from __future__ import annotations

import pytest

from farm.build.sources.origins import superseded_tarballs
from farm.build.toolchain.apt import PoolFile, SourcePackage
from farm.core.names.digest import Digest

WANTED = Digest.of(b"openssl 3.5.6")


def package(version: str, directory: str, *names: str) -> SourcePackage:
    files = tuple(PoolFile(f"{directory}/{name}", Digest.of(name.encode())) for name in names)
    return SourcePackage("openssl", version, directory, files)


MAIN = package("3.5.9-1", "pool/main/o/openssl", "openssl_3.5.9.orig.tar.gz", "openssl_3.5.9.orig.tar.gz.asc")
SECURITY = package("3.5.7-1", "pool/updates/main/o/openssl", "openssl_3.5.7.orig.tar.gz", "openssl_3.5.7-1.dsc")


def test_a_version_that_left_the_index_is_looked_for_beside_those_that_followed_it() -> None:
    assert [file.path for file in superseded_tarballs([MAIN, SECURITY], "3.5.6-1~deb13u1", WANTED)] == [
        "pool/main/o/openssl/openssl_3.5.6.orig.tar.gz",
        "pool/updates/main/o/openssl/openssl_3.5.6.orig.tar.gz",
    ]


@pytest.mark.parametrize(("version", "upstream"), [("2:3.5.6-1", "3.5.6"), ("3.5-6-1", "3.5-6"), ("3.5.6", "3.5.6")])
def test_epoch_and_debian_revision_are_no_part_of_the_tarball_s_name(version: str, upstream: str) -> None:
    (file,) = superseded_tarballs([MAIN], version, WANTED)
    assert file == PoolFile(f"pool/main/o/openssl/openssl_{upstream}.orig.tar.gz", WANTED)


def test_the_only_tarball_of_a_native_package_is_looked_for_too() -> None:
    native = package("20250419+deb13u1", "pool/main/o/openssl", "openssl_20250419+deb13u1.tar.xz", "openssl.dsc")
    (file,) = superseded_tarballs([native], "20250419", WANTED)
    assert file == PoolFile("pool/main/o/openssl/openssl_20250419.tar.xz", WANTED)


def test_debian_s_patches_of_a_version_that_left_the_index_are_looked_for_beside_its_tarball() -> None:
    newer = package("1:3.5.9-2", "pool/main/o/openssl", "openssl_3.5.9.orig.tar.gz", "openssl_3.5.9-2.debian.tar.xz")
    assert [file.path for file in superseded_tarballs([newer], "1:3.5.6-1+deb13u1", WANTED)] == [
        "pool/main/o/openssl/openssl_3.5.6-1+deb13u1.debian.tar.xz",
        "pool/main/o/openssl/openssl_3.5.6.orig.tar.gz",
    ]


@pytest.mark.parametrize("version", ["", "3.5.9-1"])
def test_there_is_nothing_to_guess_for_a_version_that_the_index_has(version: str) -> None:
    assert list(superseded_tarballs([MAIN, SECURITY], version, WANTED)) == []
