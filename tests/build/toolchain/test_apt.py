"""The private apt against the machine's real archives."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from farm.build.toolchain.apt import Apt, AptError, PoolFile
from farm.core.names.digest import Digest

pytestmark = pytest.mark.toolchain
SYSTEM = ("/var/lib/apt", "/var/cache/apt", "/var/lib/dpkg")


@pytest.fixture(scope="module")
def apt(tmp_path_factory: pytest.TempPathFactory) -> Apt:
    return Apt.of_machine(tmp_path_factory.mktemp("apt"), "trixie")


def without_a_way_out() -> tuple[str, ...]:
    return 'Acquire::http::Proxy "http://127.0.0.1:1";', 'Acquire::Retries "0";'


def snapshot() -> dict[str, tuple[int, int]]:
    paths = [path for top in SYSTEM for path in Path(top).rglob("*") if path.exists()]
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_ino) for path in paths}


def test_the_system_s_apt_state_is_not_touched(tmp_path: Path) -> None:
    before = snapshot()
    fresh = Apt.of_machine(tmp_path, "trixie")
    fresh.refresh()
    fresh.resolve(["make"])
    assert snapshot() == before


def test_a_resolved_set_is_complete_pinned_and_has_the_suite_s_own_compiler(apt: Apt) -> None:
    debs = {deb.name: deb for deb in apt.resolve(["gcc", "make"])}
    assert {"base-files", "dpkg", "libc6", "gcc-14", "binutils", "make"} <= debs.keys()
    assert debs["gcc"].version == "4:14.2.0-1"  # this machine's pins and its unsigned source would select an older one
    assert debs["make"].filename.startswith("pool/main/m/make-dfsg/make_")
    assert "apt" not in debs


def test_a_package_that_does_not_exist_is_named(apt: Apt) -> None:
    with pytest.raises(AptError, match="Unable to locate package no-such-package"):
        apt.resolve(["no-such-package"])


def test_what_is_no_package_name_never_reaches_apt(apt: Apt) -> None:
    for name in ("-o=Debug=1", "?essential", "./evil.deb", "gcc/sid"):
        with pytest.raises(AptError, match="not the name of a Debian package"):
            apt.resolve([name])


def test_files_come_by_digest_and_a_wrong_digest_does_not_come(apt: Apt, tmp_path: Path) -> None:
    (make,) = [deb for deb in apt.resolve(["make"]) if deb.name == "make"]
    right = PoolFile(make.filename, make.digest)
    wrong = PoolFile(make.filename, Digest.of(b"something else"))
    gone = PoolFile("pool/main/m/make-dfsg/make_0.1-1_amd64.deb", Digest.of(b"gone"))
    failures = apt.download([right, wrong, gone], tmp_path)
    assert set(failures) == {wrong, gone}
    assert all("404" in reason for reason in failures[gone])
    assert [path.name for path in tmp_path.iterdir()] == [make.digest.hex]
    assert Digest.of((tmp_path / make.digest.hex).read_bytes()) == make.digest
    assert any("Hash Sum mismatch" in reason for reason in apt.download([wrong], tmp_path)[wrong])


def test_every_version_of_a_source_package_is_known_with_its_files(apt: Apt) -> None:
    packages = apt.sources_of("openssl")
    assert all(package.name == "openssl" and package.files for package in packages)
    assert any("pool/updates/" in package.directory for package in packages)  # from the security suite
    assert apt.sources_of("no-such-package") == ()


def test_indices_that_cannot_be_renewed_still_answer_for_sources(apt: Apt) -> None:
    apt.refresh()
    os.utime(apt.state / "refreshed", (0, 0))
    cut_off = Apt(apt.state, apt.sources, without_a_way_out)
    assert cut_off.sources_of("jq")
    with pytest.raises(AptError, match=r"127\.0\.0\.1"):
        cut_off.resolve(["make"])


def test_without_any_index_the_archive_s_failure_is_the_error(apt: Apt, tmp_path: Path) -> None:
    cut_off = Apt(tmp_path, apt.sources, without_a_way_out)
    with pytest.raises(AptError, match="could not read the package indices"):
        cut_off.sources_of("jq")


def test_indices_are_fetched_again_when_the_sources_change(apt: Apt) -> None:
    apt.refresh()
    stamp = (apt.state / "refreshed").stat().st_mtime_ns
    apt.refresh()
    assert (apt.state / "refreshed").stat().st_mtime_ns == stamp
    Apt(apt.state, apt.sources[:1]).refresh()
    assert (apt.state / "refreshed").stat().st_mtime_ns != stamp
