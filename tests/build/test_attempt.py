"""Attempts at builds, well-behaved and hostile (threat rows 10, 11 and 12), on the real engine."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from farm.build.attempt.errors import (
    BuildCancelledError,
    BuildFailedError,
    InvalidOrderError,
)
from farm.container.sandbox_spec import Variation
from farm.core.names.declared import Output, SensitiveFile
from farm.core.names.digest import Digest
from farm.core.plan.plan import PlannedSource
from farm.core.recipe.recipe import Step
from farm.store.errors import MissingBlobError
from farm.trust.attestation.provenance import verify_provenance
from tests.refusing import refuses

if TYPE_CHECKING:
    from pathlib import Path

    from tests.build.conftest import Bench

pytestmark = pytest.mark.docker

INSTALL = (
    'mkdir -p "$DESTDIR/usr/bin"; printf "#!/bin/sh\\necho hi\\n" >"$DESTDIR/usr/bin/x"; chmod +x "$DESTDIR/usr/bin/x"'
)


def log_of(bench: Bench, error: BuildFailedError) -> list[str]:
    assert error.log is not None
    return [json.loads(line)["text"] for line in bench.workshop.store.read(error.log).splitlines()]


class TestAGoodBuild:
    def test_gives_packages_whose_blobs_are_all_in_the_store(self, bench: Bench) -> None:
        (package,) = bench.build(INSTALL)
        assert package.descriptor.provides == ("command:x", "interpreter:/usr/bin/x")
        assert package.descriptor.requires == ("interpreter:/usr/bin/sh",)
        for digest in (
            package.archive.digest,
            package.manifest.digest,
            package.facts.digest,
            package.descriptor.digest,
        ):
            assert bench.workshop.store.has(digest)
        assert package.manifest.digest == package.descriptor.tree
        assert package.facts.digest == package.descriptor.facts

    def test_is_vouched_for_by_the_worker_with_the_plan_itself(self, bench: Bench) -> None:
        plan = bench.plan(INSTALL)
        outcome = bench.carry_out(bench.order(plan))
        key = bench.workshop.signer.public_key
        envelope = bench.workshop.store.read(outcome.provenance)
        (package,) = outcome.packages
        assert verify_provenance(envelope, {key.keyid: key}, package.descriptor, Digest.of(b"the recipe")).plan == plan

    def test_keeps_its_log(self, bench: Bench) -> None:
        outcome = bench.carry_out(bench.order(bench.plan(f"echo out; echo err >&2; {INSTALL}")))
        records = [json.loads(line) for line in bench.workshop.store.read(outcome.log).splitlines()]
        said = {(record["stream"], record["severity"], record["step"], record["text"]) for record in records}
        assert {("output", "info", "install", "out"), ("output", "info", "install", "err")} <= said
        assert records == [record.to_dict() for record in bench.records]

    def test_has_the_lines_of_both_streams_in_the_order_of_writing(self, bench: Bench) -> None:
        bench.build(f"for i in {{1..300}}; do echo out $i; echo err $i >&2; done; {INSTALL}")
        written = [f"{stream} {number}" for number in range(1, 301) for stream in ("out", "err")]
        assert [place for place, line in enumerate(bench.lines) if line != written[place]] == []
        assert len(bench.lines) == 600

    def test_finds_sources_by_name_and_starts_in_the_source_directory(self, bench: Bench) -> None:
        bench.build(f"cat /sources/a.txt; pwd; {INSTALL}", sources=(bench.source("a.txt", b"content\n"),))
        assert bench.lines == ["content", "/build/src"]

    def test_finds_its_dependencies_linked_and_cannot_write_to_them(self, bench: Bench) -> None:
        (tool,) = bench.build(INSTALL, name="tool")
        place = f"/packages/{tool.descriptor.store_path}/bin/x"
        bench.build(f"x; readlink /usr/bin/x; {INSTALL}", needs=(tool,))
        assert bench.lines == ["hi", place]

    # Threat 12.
    def test_shares_nothing_writable_with_any_other(self, bench: Bench) -> None:
        (tool,) = bench.build(INSTALL, name="tool")
        show = "while read -r _ place _ options _; do echo $place ${options%%,*}; done </proc/mounts"
        bench.build(f"{show}; {INSTALL}", needs=(tool,), sources=(bench.source("a", b"x"),))
        modes = dict(line.split() for line in bench.lines)
        shared = {
            f"/packages/{tool.descriptor.store_path}",
            "/sources/a",
            "/usr",
            "/etc",
            "/run/farm",
            "/run/init",
            "/",
        }
        assert {modes[place] for place in shared} == {"ro"}
        writable = {place for place, mode in modes.items() if mode == "rw" and not place.startswith(("/proc", "/sys"))}
        assert writable - {"/dev", "/dev/pts", "/dev/mqueue", "/dev/shm"} == {"/build", "/tmp", "/out"}

    def test_is_split_into_its_outputs(self, bench: Bench) -> None:
        script = f"{INSTALL}; mkdir -p $DESTDIR/usr/include $DESTDIR/usr/share/man/man1; cd $DESTDIR/usr;"
        script += "echo >include/x.h; echo >share/man/man1/x.1"
        packages = bench.build(script, outputs=(Output("dev", ("include/**",)),), links=(("usr/bin/y", "bin/x"),))
        assert [package.descriptor.name.short for package in packages] == ["thing", "thing-dev", "thing-doc"]
        assert [package.descriptor.links for package in packages] == [(("usr/bin/y", "bin/x"),), (), ()]

    def test_comes_out_the_same_elsewhere_at_another_time(self, bench: Bench) -> None:
        script = f"{INSTALL}; mkdir -p $DESTDIR/usr/share; ls -la --time-style=full-iso /usr/bin/env >/dev/null;"
        script += "pwd >$DESTDIR/usr/share/where; umask >>$DESTDIR/usr/share/where"
        plan = bench.plan(script)
        first = bench.carry_out(bench.order(plan))
        second = bench.carry_out(bench.order(plan), variation=Variation("elsewhere", "0", 400 * 86_400))
        assert [package.descriptor.digest for package in first.packages] == [
            package.descriptor.digest for package in second.packages
        ]

    def test_that_does_not_come_out_the_same_shows_it(self, bench: Bench) -> None:
        plan = bench.plan(f"{INSTALL}; mkdir -p $DESTDIR/usr/share; date +%Y >$DESTDIR/usr/share/year")
        first = bench.carry_out(bench.order(plan))
        second = bench.carry_out(bench.order(plan), variation=Variation(clock_offset=400 * 86_400))
        assert first.packages[0].descriptor.tree != second.packages[0].descriptor.tree


class TestABuildThatFails:
    def test_names_the_step_its_status_and_where_to_begin_reading(self, bench: Bench) -> None:
        steps = (Step("configure", "true"), Step("make", "echo the reason >&2; exit 3"), Step("install", INSTALL))
        with pytest.raises(BuildFailedError) as caught:
            bench.build("", steps=steps)
        assert caught.value.code == "step-failed"
        assert caught.value.message == "dist.example.org/thing: the step 'make' failed with exit status 3"
        found = caught.value.first_error
        assert found is not None
        assert (found.step, found.text, found.sure) == ("make", "the reason", False)
        assert log_of(bench, caught.value)[found.line - 1] == "the reason"

    def test_in_silence_shows_nothing_of_the_steps_before_it(self, bench: Bench) -> None:
        steps = (Step("configure", "echo 'x.c:1:1: error: no'"), Step("make", "exit 3"))
        with pytest.raises(BuildFailedError) as caught:
            bench.build("", steps=steps)
        assert (caught.value.step, caught.value.first_error) == ("make", None)

    def test_shows_the_first_error_with_the_lines_around_it(self, bench: Bench) -> None:
        steps = (
            Step("configure", "echo 'x.c:1:1: error: of a probe'"),
            Step("make", "echo '#include <no-such.h>' > x.c; echo building; gcc -c x.c"),
        )
        with pytest.raises(BuildFailedError) as caught:
            bench.build("", steps=steps)
        found = caught.value.first_error
        assert found is not None
        assert (found.kind, found.subject, found.step, found.sure) == ("missing-header", "no-such.h", "make", True)
        assert log_of(bench, caught.value)[found.line - 1] == found.text
        assert caught.value.excerpt[0].endswith("| building")
        assert "No known package" in caught.value.remedy

    def test_of_a_failed_configure_shows_what_its_own_log_says(self, bench: Bench) -> None:
        script = (
            "printf '%s\\n' 'configure:12: gcc -no conftest.c' 'gcc: error: unrecognized option -no' "
            "'configure:12: $? = 1' 'configure:14: error: C compiler cannot create executables' > config.log; "
            "echo 'configure: error: C compiler cannot create executables'; exit 77"
        )
        with pytest.raises(BuildFailedError) as caught:
            bench.build("", steps=(Step("configure", script),))
        found = caught.value.first_error
        assert found is not None
        assert (found.text, found.detail) == (
            "configure: error: C compiler cannot create executables",
            "gcc: error: unrecognized option -no",
        )
        assert "src/config.log:2: gcc: error: unrecognized option -no" in log_of(bench, caught.value)

    def test_for_want_of_files_names_the_package(self, bench: Bench) -> None:
        with pytest.raises(BuildFailedError, match="nothing was installed for thing"):
            bench.build("true")
        with pytest.raises(BuildFailedError, match="nothing was installed for thing-dev"):
            bench.build(INSTALL, outputs=(Output("dev", ("include/**",)),))

    def test_for_a_sensitive_file_names_the_package_the_file_and_how_to_declare_it(self, bench: Bench) -> None:
        script = f"{INSTALL}; mkdir -p $DESTDIR/etc; echo /tmp/x.so > $DESTDIR/etc/ld.so.preload"
        with pytest.raises(
            BuildFailedError, match=r"^dist.example.org/thing has .*\n  etc/ld\.so\.preload: "
        ) as caught:
            bench.build(script)
        assert caught.value.code == "undeclared-files"
        assert "sensitive-files: [{path: etc/ld.so.preload, reason: …}]" in caught.value.remedy
        with pytest.raises(BuildFailedError, match="sensitive files that it does not have: etc/passwd"):
            bench.build(INSTALL, sensitive_files=(SensitiveFile("etc/passwd", "Users"),))
        declared = (SensitiveFile("etc/ld.so.preload", "It traces all"),)
        (thing,) = bench.build(script, sensitive_files=declared)
        assert thing.descriptor.sensitive_files == declared

    def test_when_it_is_cancelled_is_no_failure_of_the_package(self, bench: Bench) -> None:
        with pytest.raises(BuildCancelledError):
            bench.carry_out(bench.order(bench.plan("sleep 100")), cancelled=lambda: True)

    @pytest.mark.parametrize(
        ("script", "limit", "value"),
        [
            ("python3 -c 'x = bytearray(1 << 30)'", "memory-mb", 64),
            ("python3 -c 'x = bytearray(1 << 30)' || true; " + INSTALL, "memory-mb", 64),
            ("yes", "log-mb", 1),
            # Empty lines: few bytes, but one record each.
            ("yes ''", "log-mb", 1),
        ],
    )
    def test_at_a_limit_names_it(self, bench: Bench, script: str, limit: str, value: int) -> None:
        with refuses("limit-reached", match=f"the step 'install' reached the limit {limit} = {value}") as caught:
            bench.build(script, **{limit.replace("-", "_"): value})
        assert f"limits.{limit}" in caught.value.remedy

    def test_at_the_end_of_its_time_names_the_limit(self, bench: Bench) -> None:
        # The limit of an order is in whole minutes: the shortest limit of a recipe is too long for a test.
        order = bench.order(bench.plan("sleep 1000"))
        short = replace(order, limits=replace(order.limits, minutes=0.03))  # type: ignore[arg-type]
        with refuses("limit-reached", match="minutes"):
            bench.carry_out(short)

    @pytest.mark.parametrize("ignored", ["", "|| true"])
    def test_for_want_of_room_names_the_limit_even_when_it_does_not_care(self, bench: Bench, ignored: str) -> None:
        script = f"{INSTALL}; dd if=/dev/zero of=$DESTDIR/usr/bin/big bs=1M count=64 {ignored}"
        with pytest.raises(BuildFailedError, match="output-mb = 16"):
            bench.build(script)


class TestAnOrderThatCannotBe:
    def test_lacks_a_dependency_of_its_plan(self, bench: Bench) -> None:
        (tool,) = bench.build(INSTALL, name="tool")
        with pytest.raises(InvalidOrderError, match="does not bring the dependencies"):
            bench.carry_out(bench.order(bench.plan(INSTALL, needs=(tool,))))

    @pytest.mark.parametrize("name", ["../x", "a/b", "..", ""])
    def test_names_a_source_like_a_path(self, bench: Bench, name: str) -> None:
        with pytest.raises(InvalidOrderError, match="name"):
            bench.build(INSTALL, sources=(replace(bench.source("a", b"x"), file=name),))

    def test_names_a_source_that_is_nowhere(self, bench: Bench) -> None:
        with pytest.raises(MissingBlobError):
            bench.build(INSTALL, sources=(PlannedSource("a", Digest.of(b"nowhere")),))


# Threat 10.
class TestAHostileOutput:
    @pytest.fixture
    def secret(self, tmp_path: Path) -> Path:
        path = tmp_path / "secret"
        path.write_text("the host's secret\n")
        return path

    @pytest.mark.parametrize("target", ["{secret}", "../../../../../../../../../../..{secret}", "/proc/self/environ"])
    def test_a_link_to_a_file_of_the_host_is_refused_by_name(self, bench: Bench, secret: Path, target: str) -> None:
        script = f"{INSTALL}; ln -s {target.format(secret=secret)} $DESTDIR/usr/bin/link"
        with pytest.raises(BuildFailedError, match="usr/bin/link"):
            bench.build(script)

    def test_a_linked_directory_is_refused_and_never_walked(self, bench: Bench, secret: Path) -> None:
        with pytest.raises(BuildFailedError, match="usr/share"):
            bench.build(f"{INSTALL}; ln -s {secret.parent} $DESTDIR/usr/share")

    def test_a_file_that_is_swapped_for_a_link_all_the_time_never_yields_the_hosts(
        self, bench: Bench, secret: Path
    ) -> None:
        # The swapping continues in the background, detached, when the last step ends.
        swap = f"while :; do ln -sfn {secret} t; mv -T t x; echo own >t; mv -T t x; done"
        script = f"{INSTALL}; cd $DESTDIR/usr/bin; (setsid sh -c '{swap}' >/dev/null 2>&1 </dev/null &); sleep 0.3"
        for _ in range(3):
            try:
                packages = bench.build(script)
            except BuildFailedError:
                continue  # killed while the path was a link
            else:
                store = bench.workshop.store
                assert b"the host's secret" not in store.read(packages[0].archive.digest)
                assert Digest.of(secret.read_bytes()).hex.encode() not in store.read(packages[0].manifest.digest)

    @pytest.mark.parametrize(
        ("script", "message"),
        [
            ("mkfifo pipe", "usr/bin/pipe"),
            ("chmod u+s x", "usr/bin/x"),
            ("chmod g+s x", "usr/bin/x"),
            ("python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"sock\")'", "usr/bin/sock"),
            ("touch \"$(printf 'a\\377')\"", "usr/bin/"),
            ("touch \"$(printf 'a\\nb')\"", "usr/bin/a"),
            ("mkdir -p $DESTDIR/opt; touch $DESTDIR/opt/x", "opt"),
            ("truncate -s 1T sparse", "usr/bin/sparse"),
            ("head -c 100 /usr/bin/env >broken", "usr/bin/broken|broken"),
        ],
    )
    def test_what_no_package_can_hold_is_refused_by_name(self, bench: Bench, script: str, message: str) -> None:
        with pytest.raises(BuildFailedError, match=message):
            bench.build(f"{INSTALL}; cd $DESTDIR/usr/bin; {script}")

    def test_a_device_cannot_even_be_made(self, bench: Bench) -> None:
        with refuses("step-failed"):
            bench.build(f"{INSTALL}; mknod $DESTDIR/usr/bin/null c 1 3")
        assert any("Operation not permitted" in line for line in bench.lines)


# Threats 11 and 12.
class TestAHostileBuild:
    def test_does_not_see_what_the_worker_knows(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FARM_TOKEN", "a-secret-token")
        bench.build(f"env; cat /proc/*/environ | tr '\\0' '\\n'; cat /proc/*/cmdline | tr '\\0' '\\n'; {INSTALL}")
        assert not [line for line in bench.lines if "secret-token" in line or "http_proxy" in line.lower()]

    def test_cannot_reach_a_server_of_the_host(self, bench: Bench) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            bench.build(f"if (exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null; then exit 9; fi; {INSTALL}")
            server.settimeout(0.1)
            with pytest.raises(TimeoutError):
                server.accept()

    def test_that_kills_its_driver_has_not_succeeded(self, bench: Bench) -> None:
        with refuses("step-failed"):
            bench.build(f"{INSTALL}; kill -9 $PPID; kill -9 -1; sleep 10")

    def test_leaves_nothing_to_the_next_one(self, bench: Bench) -> None:
        bench.build(f"echo mine >/tmp/x; echo mine >/build/x; echo mine >/dev/shm/x; {INSTALL}")
        bench.build(f"ls -A /tmp /dev/shm; ls /build $DESTDIR; {INSTALL}")
        assert not [line for line in bench.lines if "mine" in line or line == "x"]

    def test_with_a_fork_bomb_ends_and_the_next_build_is_unaffected(self, bench: Bench) -> None:
        with pytest.raises(BuildFailedError):
            bench.build("bomb() { bomb | bomb & }; bomb; sleep 1; exit 1", processes=64)
        assert bench.build(INSTALL)
        assert os.getloadavg()[0] < 1000
