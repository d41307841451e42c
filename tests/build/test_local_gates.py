"""What the gates of the tree's channels say of packages that were built on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from farm.build.local.gates import GateVerdicts
    from tests.build.local_builds import Local

pytestmark = pytest.mark.toolchain

EDGE = b"gates: [proof, abi, hardening, {licenses: {deny: [AGPL-3.0-only]}}]\n"
STABLE = b"from: edge\nrole: stable\ngates: [proof, hardening, {soak: 24h}]\n"


@pytest.fixture
def tree(local: Local) -> Local:
    local.files |= {"channels/edge.yaml": EDGE, "channels/stable.yaml": STABLE}
    return local


def judged(local: Local, name: str = "hello") -> GateVerdicts:
    builds = local.builds()
    list(builds.test([name]))
    return builds.judge_gates(name)


def edit(local: Local, before: bytes, after: bytes) -> None:
    path = "packages/hello/recipe.yaml"
    assert local.files[path].count(before) == 1
    local.files[path] = local.files[path].replace(before, after)


def test_what_passes_is_said_with_what_only_a_farm_can_judge(tree: Local) -> None:
    verdicts = judged(tree)
    assert verdicts.violations == ()
    assert verdicts.judged == ("hardening", "licenses", "proof")
    assert verdicts.at_farm == ("abi", "soak")


def test_a_file_without_hardening_is_found_for_all_channels_that_ask_unless_it_is_waived(tree: Local) -> None:
    edit(tree, b"cc $CFLAGS $LDFLAGS", b"cc -g -O2 -fcf-protection $LDFLAGS")
    (violation,) = judged(tree).violations
    assert (violation.gate, violation.channels, violation.package) == ("hardening", ("edge", "stable"), "hello")
    assert "bin/hello" in violation.reason
    assert "stack-protector" in violation.reason
    edit(
        tree,
        b"tests:",
        b"hardening:\n  waive:\n"
        b"    - {property: stack-protector, files: bin/hello, reason: It only greets}\n"
        b"    - {property: stack-clash-protection, files: bin/hello, reason: It only greets}\n"
        b"tests:",
    )
    assert judged(tree).violations == ()


def test_a_license_that_a_channel_denies_is_found(tree: Local) -> None:
    edit(tree, b"license: MIT", b"license: AGPL-3.0-only")
    found = {(violation.gate, violation.channels, violation.package) for violation in judged(tree).violations}
    assert found == {("licenses", ("edge",), "hello"), ("licenses", ("edge",), "hello-debug")}


def test_a_symbol_that_no_library_has_is_found(tree: Local) -> None:
    tree.files["packages/hello/hello.c"] = (
        b"#include <stdio.h>\nconst char *greet(void);\nvoid gone(void);\n"
        b"int main(int count, char **words) { if (count > 1) gone(); puts(greet()); (void)words; }\n"
    )
    stub = b"const char *greet(void) { return 0; } void gone(void) {}"
    edit(
        tree,
        b"      cc $CFLAGS $LDFLAGS -o hello /sources/hello.c -lgreet\n",
        b"      echo '" + stub + b"' | cc -shared -fPIC -Wl,-soname,libgreet.so.1 -o libgreet.so -x c -\n"
        b"      cc $CFLAGS $LDFLAGS -Wl,-z,lazy -o hello /sources/hello.c -L. -lgreet\n",
    )
    violations = [violation for violation in judged(tree).violations if violation.gate == "proof"]
    assert [violation.package for violation in violations] == ["hello"]
    assert "gone" in violations[0].reason


def test_a_package_without_all_that_it_needs_to_run_is_left_to_the_farm_by_name(tree: Local) -> None:
    text = tree.files["packages/hello/recipe.yaml"].partition(b"tests:")[0]
    tree.files["packages/hello/recipe.yaml"] = text + (
        b"      printf '#!/usr/bin/bash\\n' | install -D --mode=0755 /dev/stdin \"$DESTDIR/usr/bin/script\"\n"
    )
    verdicts = judged(tree)
    assert (verdicts.judged, verdicts.at_farm) == (("hardening", "licenses", "proof"), ("abi", "soak"))
    assert verdicts.unproven == ("hello",)
    assert verdicts.violations == ()


LIBRARY = (
    b"      echo 'const char *greet(void) { return 0; } void gone(void) {}' >stub.c\n"
    b"      cc -shared -fPIC -Wl,-soname,libgreet.so.1 -o libgreet.so stub.c\n"
    b"      echo 'void gone(void); int main(void) { gone(); }' >second.c\n"
    b"      cc $CFLAGS $LDFLAGS -o second second.c -L. -lgreet\n"
    b'      install -D second "$DESTDIR/usr/bin/second"\n'
)


def test_an_output_beside_the_main_package_is_proven_too(tree: Local) -> None:
    edit(tree, b"tests:", LIBRARY + b"outputs:\n  more: [bin/second]\ntests:")
    (violation,) = judged(tree).violations
    assert (violation.gate, violation.package) == ("proof", "hello-more")
    assert "imports gone" in violation.reason
    assert violation.remedy.startswith("Link the file with the library that has the symbol.")


def test_an_output_without_all_that_it_needs_to_run_is_left_to_the_farm_by_name(tree: Local) -> None:
    edit(
        tree,
        b"tests:",
        b"      printf '#!/usr/bin/bash\\n' | install -D --mode=0755 /dev/stdin \"$DESTDIR/usr/bin/script\"\n"
        b"outputs:\n  scripts: [bin/script]\ntests:",
    )
    verdicts = judged(tree)
    assert (verdicts.judged, verdicts.unproven) == (("hardening", "licenses", "proof"), ("hello-scripts",))
    assert verdicts.violations == ()
