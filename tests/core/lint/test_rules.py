"""Every rule reports its bad example, at the right place, and nothing is reported in its good one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from farm.build.recipe_directory import read_recipe_directory
from farm.build.shell_check import ShellPrograms
from farm.core.lint.finding import Severity
from farm.core.lint.lint import LintReport, lint_tree
from farm.core.lint.page import lint_page
from farm.core.lint.registry import FAMILIES, RULES, rule_named
from farm.core.lint.selection import Selection
from farm.errors import FarmError
from tests.core.lint.examples import ROOT, named, tree

if TYPE_CHECKING:
    from farm.core.lint.rule import Rule

HELLO = "packages/hello/recipe.yaml"


def linted(rule: Rule, keys: str) -> LintReport:
    shell = ShellPrograms.installed() if rule.code.startswith("P") else None
    if shell and rule.code not in shell.codes:
        pytest.skip(f"no program for {rule.name} is installed")
    waits = {"greeter": named("greeter", "build-needs: [hello]\n")} if "[greeter]" in keys else {}
    return lint_tree(tree(keys, beside=rule.beside, **waits), shell=shell)


@pytest.mark.parametrize("code", RULES)
def test_the_bad_example_is_reported(code: str) -> None:
    rule = RULES[code]
    findings = linted(rule, rule.bad).findings
    found = [finding for finding in findings if finding.code == code]
    assert found, [finding.in_a_line() for finding in findings]
    for finding in found:
        # A cycle is reported at its first recipe.
        assert finding.problem.place.file == (HELLO if code != "N002" else "packages/greeter/recipe.yaml")
        assert finding.problem.place.line > 0
        assert finding.problem.message
        assert finding.problem.remedy
        assert finding.severity is rule.severity or code == "P102"


@pytest.mark.parametrize("code", RULES)
def test_nothing_is_reported_in_the_good_example(code: str) -> None:
    report = linted(RULES[code], RULES[code].good)
    assert [finding.in_a_line() for finding in report.findings] == []


@pytest.mark.parametrize("code", [code for code, rule in RULES.items() if rule.allowable])
def test_what_can_be_allowed_is_silenced_with_a_reason(code: str) -> None:
    rule = RULES[code]
    allowed = f"{rule.bad}lint:\n  - {{allow: {code}, reason: It is so}}\n"
    assert [finding.in_a_line() for finding in linted(rule, allowed).findings] == []


@pytest.mark.parametrize("code", [code for code, rule in RULES.items() if not rule.allowable])
def test_what_cannot_be_allowed_stays(code: str) -> None:
    rule = RULES[code]
    if rule.bad.startswith("lint:"):
        return
    findings = linted(rule, f"{rule.bad}lint:\n  - {{allow: {code}, reason: It is so}}\n").findings
    codes = {finding.code for finding in findings}
    assert codes == {code, "A102"}


def test_codes_and_names_have_one_form() -> None:
    assert all(re.fullmatch(r"[A-Z][0-9]{3}", code) and code[0] in FAMILIES for code in RULES)
    names = [rule.name for rule in RULES.values()]
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) for name in names)
    assert len(set(names)) == len(names) > 20
    assert {rule.severity for rule in RULES.values()} == set(Severity)
    assert rule_named("s101") is rule_named("plain-http") is RULES["S101"]
    with pytest.raises(FarmError, match="there is no rule 'S1'") as caught:
        rule_named("S1")
    assert caught.value.remedy


def test_every_rule_has_its_section() -> None:
    assert re.findall(r"^### (\w+) ", lint_page(), re.MULTILINE) == sorted(RULES)


def test_rules_are_selected_by_code_and_by_family() -> None:
    files = tree("summary: A program\ntests: []\nsteps:\n  - run: make install\n")
    found = lint_tree(files, selection=Selection.of(("D", "T101"))).findings
    assert [finding.code for finding in found] == ["D101", "T101"]
    assert [f.code for f in lint_tree(files, selection=Selection.of((), ("L", "D101"))).findings] == ["T101"]
    with pytest.raises(FarmError, match="there is no rule 'X9'"):
        Selection.of(("X9",))


def test_an_allowance_of_what_was_not_looked_for_is_not_called_unused() -> None:
    files = tree("lint:\n  - {allow: P102, reason: x}\n  - {allow: SC2045, reason: x}\n  - {allow: T101, reason: x}\n")
    assert [f.problem.message for f in lint_tree(files).findings] == ["T101 reports nothing here"]
    assert lint_tree(files, selection=Selection.of((), ("T",))).findings == ()


def test_findings_are_in_the_order_of_the_files() -> None:
    places = [f.problem.place for f in lint_tree(tree("summary: A thing\ntests: []\n", bash="name: bash\n")).findings]
    assert places == sorted(places)
    assert len({place.file for place in places}) == 2


def test_the_shipped_recipes_are_clean() -> None:
    report = lint_tree(read_recipe_directory(ROOT / "recipes"), shell=ShellPrograms.installed())
    assert [finding.in_a_line() for finding in report.findings] == []
    assert len(report.tree.recipes) >= 26


@pytest.mark.parametrize(
    ("line", "is_question"),
    [
        ("hello --version 2>&1 | grep 1.0", True),
        ("hello --version >/dev/null", True),
        ("hello --version >out; hello farm", False),
        ("hello --version >" + "a>" * 90 + " b;", False),
        ("hello --version " + ">a" * 5000 + " b", False),
    ],
)
def test_a_line_that_only_asks_for_the_version_is_told_in_few_steps(line: str, is_question: bool) -> None:
    keys = f"tests:\n  - run: {line!r}\n"
    codes = {finding.code for finding in lint_tree(tree(keys), selection=Selection.of(("T102",))).findings}
    assert codes == ({"T102"} if is_question else set())


@pytest.mark.parametrize(
    ("host", "reported"),
    [("127.0.0.1:8000", 0), ("localhost", 0), ("[::1]", 0), ("127.0.0.1.example.org", 1), ("localhost.example.org", 1)],
)
def test_nobody_is_on_the_way_to_this_machine(host: str, reported: int) -> None:
    keys = RULES["S101"].good.replace("https://example.org/hello", f"http://{host}/hello", 1)
    findings = linted(RULES["S101"], keys).findings
    assert [finding.code for finding in findings] == ["S101"] * reported


@pytest.mark.parametrize(
    ("steps", "replaced"),
    [
        ("[./COPYING, COPYING]", ()),
        ("[doc//COPYING, doc/./COPYING]", ()),
        (
            "[COPYING]}\n  - license: {package: '{{ name }}', files: [old/COPYING]",
            ("old/COPYING would replace COPYING",),
        ),
        ("[COPYING]}\n  - license: {package: other, files: [old/COPYING]", ()),
        ("['{{ name }}/COPYING', hello/COPYING]", ()),
    ],
)
def test_license_texts_are_compared_as_the_step_installs_them(steps: str, replaced: tuple[str, ...]) -> None:
    report = linted(RULES["L102"], f"steps:\n  - license: {{files: {steps}}}\n")
    found = [finding.problem.message for finding in report.findings if finding.code == "L102"]
    assert len(found) == len(replaced)
    assert all(message.startswith(start) for message, start in zip(found, replaced, strict=True))
