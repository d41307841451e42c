"""What single rules report, and what they leave alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from farm.core.files.problems import RecipeError
from farm.core.lint.checked_tree import load_checked_tree
from farm.core.lint.finding import Severity
from farm.core.lint.lint import lint_tree
from farm.core.lint.registry import RULES
from farm.core.lint.shell_text import ShellComplaint
from farm.core.recipe.declared_sources import KEYS
from tests.core.lint.examples import named, tree

if TYPE_CHECKING:
    from collections.abc import Sequence


def codes(keys: str, **recipes: str) -> list[str]:
    return [finding.code for finding in lint_tree(tree(keys, **recipes)).findings]


@pytest.mark.parametrize(
    "test",
    [
        "command: [hello, --version]",
        "command: [hello, --help]",
        "run: hello --version",
        "run: hello --version | grep 1.0",
        "run: hello -h >/dev/null 2>&1",
        'run: "hello --version\\nhello --help"',
    ],
)
def test_a_question_for_the_version_is_no_test(test: str) -> None:
    assert codes(f"tests:\n  - {test}\n") == ["T102"]


@pytest.mark.parametrize(
    "test",
    [
        "command: [hello]",
        "command: [hello, --version, x]",
        "run: hello --version; hello x",
        "run: hello --version && hello x",
        'run: "hello --version\\nhello x"',
        "run: hello x | grep --version",
        "run: echo x | hello --version",
        "run: hello $(cat --version)",
    ],
)
def test_what_does_something_is_a_test(test: str) -> None:
    assert codes(f"tests:\n  - {test}\n") == []


def test_needs_are_reported_item_by_item_in_every_list() -> None:
    keys = (
        "build-needs: [bahs, zilb-doc, zlib]\nrequires: [bash = 1, zlib-debug]\n"
        "outputs: {dev: {files: [include/**], requires: [bash, lzib]}}\n"
        "test-needs: [glibcc]\ntests:\n  - {run: x, needs: [bsah]}\n"
    )
    found = lint_tree(tree(keys)).findings
    assert [(finding.code, finding.problem.message.rpartition(" ")[2]) for finding in found] == [
        ("N001", f"'{need}'") for need in ("bsah", "bahs", "zilb-doc", "lzib", "glibcc")
    ]
    for finding in found:
        place, need = finding.problem.place, finding.problem.message.rpartition("'")[0].rpartition("'")[2]
        assert finding.problem.excerpt[place.column - 1 :].startswith(need)
        assert finding.problem.length == len(need)
    assert found[0].problem.remedy == "Did you mean bash?"


def test_needs_are_sorted_by_package() -> None:
    assert codes("requires: [zlib = 1, zlib-debug]\n") == []
    assert codes("requires: [zlib-debug, zlib = 1]\n") == ["N101"]
    assert codes("requires: [glibc = 2]\n") == ["N102"]


def test_a_recipe_with_errors_of_its_own_can_be_needed() -> None:
    broken = "name: broken\nsumary: x\n"
    found = codes("build-needs: [broken, broken-dev]\n", broken=broken)
    assert set(found) == {"F001", "T101"}
    with pytest.raises(RecipeError) as caught:
        load_checked_tree(tree("build-needs: [brokn, zlib]\n", broken=broken))
    assert {problem.place.file for problem in caught.value.problems} == {
        "packages/broken/recipe.yaml",
        "packages/hello/recipe.yaml",
    }
    assert "Did you mean broken or broken-doc?" in str(caught.value)


# A value of each key that cannot be read: of the wrong kind, or in a wrong form.
UNREADABLE = dict.fromkeys(KEYS, "{a: {b: c}}") | {
    "name": "Hello!", "version": "[]", "license": "Nonsense-1", "source": "{url: nowhere}", "home": "nowhere",
    "toolchain": "no", "build-needs": "[Bad!]", "requires": "[Bad!]", "steps": "[no-such-step]", "links": "[a]",
    "tests": "[{needs: [Bad!]}]", "test-needs": "zlib", "lint": "[{allow: D101}]", "host": "[]",
    "limits": "{minutes: 0}", "outputs": "{dev: []}", "hardening": "{waive: [x]}", "environment": "[]",
}  # fmt: skip


@pytest.mark.parametrize("key", UNREADABLE)
def test_a_value_that_cannot_be_read_causes_no_other_findings(key: str) -> None:
    keys = f"{key}: {UNREADABLE[key]}\n"
    assert set(codes(keys)) == {"F001"}, keys
    # Nor does a key that is misspelt, in place of the right one.
    files = tree(keys)
    text = files["packages/hello/recipe.yaml"].decode()
    misspelt = re.sub(rf"(?m)^{key}:", f"{key[:-1]}:", text)
    assert misspelt != text
    found = lint_tree(files | {"packages/hello/recipe.yaml": misspelt.encode()}).findings
    assert {finding.code for finding in found} == {"F001"}, misspelt


@pytest.mark.parametrize("code", [code for code, rule in RULES.items() if rule.check])
def test_a_value_that_cannot_be_read_hides_no_finding_about_another(code: str) -> None:
    rule = RULES[code]
    report = lint_tree(tree(f"{rule.bad}replaces: [Bad!]\n", beside=rule.beside))
    assert [finding.code for finding in report.findings if finding.code != "F001"] == [code]
    assert [finding.problem.place.file for finding in report.errors if finding.code == "F001"] == [
        "packages/hello/recipe.yaml"
    ]
    assert "hello" not in report.tree.recipes


def test_unknown_needs_and_cycles_are_reported_together_with_all_else() -> None:
    keys = "summary: ''\nhome: nowhere\nbuild-needs: [Bad!, greeter, nosuch]\ntests:\n  - run: x\n    needs: [nosuch]\n"
    report = lint_tree(tree(keys, greeter=named("greeter", "build-needs: [hello]\n")), shell=Complaining())
    found = [finding.code for finding in report.findings if "hello" in finding.problem.place.file]
    assert sorted(found) == ["F001", "F001", "F001", "N001", "N001", "P102", "P102"]
    cycles = [finding.problem.place.file for finding in report.findings if finding.code == "N002"]
    assert cycles == ["packages/greeter/recipe.yaml"]


def test_an_allowance_in_a_recipe_with_problems_is_not_said_to_be_unused() -> None:
    lint = "lint:\n  - {allow: D101, reason: It is so}\n"
    assert codes(f"{lint}summary: x\n") == ["A101"]
    assert codes(f"{lint}summary: The end.\n") == ["F001"]


def test_what_a_broken_allowance_may_allow_is_not_reported() -> None:
    report = lint_tree(tree("summary: A program\nlint: [{allow: D101}, {allow: SC2045}]\n"), shell=Complaining())
    found = {finding.code for finding in report.findings if "hello" in finding.problem.place.file}
    assert found == {"F001"}


def test_the_outputs_of_a_recipe_with_problems_are_missed_nowhere() -> None:
    channel = b"gates: [proof]\ntransitions:\n  - {name: both, packages: [zlib, greeter-lib]}\n"
    files = tree(greeter=named("greeter", "outputs: {lib: 1}\n")) | {"channels/extra.yaml": channel}
    assert [finding.problem.place.file for finding in lint_tree(files).findings] == ["packages/greeter/recipe.yaml"]


def test_a_recipe_with_problems_in_the_wrong_directory_is_reported_as_well() -> None:
    found = lint_tree(tree(greeter=named("salute", "home: nowhere\n"))).findings
    assert [finding.problem.message for finding in found] == [
        "the recipe salute lies in the directory greeter",
        "'nowhere' is not an http or https URL",
    ]


def test_cycles_without_a_common_recipe_are_all_reported() -> None:
    recipes = {
        "a": named("a", "build-needs: [b]\n"),
        "b": named("b", "build-needs: [a]\n"),
        "x": named("x", "build-needs: [y]\n"),
        # Needed at run time by what y is built with.
        "y": named("y", "build-needs: [z]\n"),
        "z": named("z", "requires: [x]\n"),
    }
    found = [f.problem for f in lint_tree(tree(**recipes)).findings if f.code == "N002"]
    assert [problem.message.partition(": ")[2] for problem in found] == ["a → b → a", "x → y → z → x"]
    assert [(problem.place.file, problem.excerpt) for problem in found] == [
        ("packages/a/recipe.yaml", "build-needs: [b]"),
        ("packages/x/recipe.yaml", "build-needs: [y]"),
    ]


def test_a_step_with_errors_is_not_reported_again_where_it_is_named() -> None:
    files = tree() | {"steps/license.yaml": b"name: license\nsumary: x\n"}
    found = lint_tree(files).findings
    assert {(finding.code, finding.problem.place.file) for finding in found} >= {("F001", "steps/license.yaml")}
    assert not [f for f in found if f.problem.place.file.startswith("packages/")]


def test_a_version_in_the_url_is_found_only_as_a_whole() -> None:
    digest = "fc75b1824aba7a954ef0886371d951c3bf4b6e0a921d1aefc553f309702d6ed1"

    def of(url: str, more: str = "") -> list[str]:
        return codes(f"home: https://example.org\nsource:\n  url: {url}\n  sha256: {digest}\n{more}")

    assert of("https://example.org/1.0.5/x-{{ version }}.tar.gz") == []
    assert of("https://example.org/v1.0/x-{{ version }}.tar.gz") == ["S104"]
    assert of("https://example.org/x-{{ version | replace('.', '_') }}.tar.gz") == []
    assert of("https://example.org/x-10.tar.gz", "  file: x-{{ version }}.tar.gz\n") == []
    assert of("https://example.org/x-10.tar.gz") == ["S103"]


@pytest.mark.parametrize("license_name", ["GPL3", "GPL-3.0", "gplv3", "MIT AND GPL-3.0"])
def test_a_gnu_license_without_only_or_later_is_asked_for_it(license_name: str) -> None:
    (finding,) = lint_tree(tree(f"license: {license_name}\n")).findings
    assert "GPL-3.0-only" in finding.problem.remedy
    assert "GPL-3.0-or-later" in finding.problem.remedy


@pytest.mark.parametrize(
    ("license_name", "meant"),
    [
        ("LGPLv2.1+", "LGPL-2.1-or-later"),
        ("BSD", "BSD-1-Clause, BSD-2-Clause, BSD-3-Clause, BSD-4-Clause"),
        ("MIT OR Apache", "Apache-1.0, Apache-1.1, Apache-2.0"),
        ("Appache-2.0", "Apache-2.0"),
    ],
)
def test_an_unknown_license_is_answered_with_those_that_it_may_be(license_name: str, meant: str) -> None:
    (finding,) = lint_tree(tree(f"license: {license_name}\n")).findings
    assert finding.problem.remedy == f"Did you mean {meant}?"


class Complaining:
    """A checker that has one complaint about every text, and keeps the texts."""

    codes = frozenset({"P102"})

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, texts: Sequence[str]) -> list[list[ShellComplaint]]:
        self.texts += texts
        return [[ShellComplaint(1, 1, "no", Severity.WARNING, "SC2045")] for _ in texts]


def test_one_check_of_shellcheck_is_allowed_by_its_own_code() -> None:
    def found(*codes: str) -> list[tuple[str, str]]:
        items = "".join(f"  - {{allow: {code}, reason: x}}\n" for code in codes)
        files = tree(f"lint:\n{items}" if items else "")
        report = lint_tree(files, within=("packages/hello/",), shell=Complaining())
        return [(finding.code, finding.check) for finding in report.findings]

    assert found() == [("P102", "SC2045")]
    assert found("SC2045") == found("P102") == []
    assert found("SC2046") == [("P102", "SC2045"), ("A101", "")]


def test_only_the_shell_text_of_what_is_named_is_checked() -> None:
    shell = Complaining()
    lint_tree(tree(greeter=named("greeter")), within=("packages/greeter/",), shell=shell)
    assert shell.texts == ["make install"]
    lint_tree(tree(), shell=shell)
    assert len(shell.texts) > 10
