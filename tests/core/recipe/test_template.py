from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.core.names.version import Version
from farm.core.recipe.template import TemplateRefusedError, Templates

TEMPLATES = Templates(name="jq", version=Version("1.7.1"), revision=2)


@pytest.mark.parametrize(
    ("template", "result"),
    [
        ("plain", "plain"),
        ("{{ name }}-{{ version }}-{{ revision }}", "jq-1.7.1-2"),
        ("v{{ version.major }}.{{version.minor}}.{{version.patch}}", "v1.7.1"),
        ("{{ version | replace('.', '_') }}", "1_7_1"),
        ("{{ version | split('.') | join('') }}", "171"),
        ("{{ version | split('.') | last }}{{ version | split('.') | first }}", "11"),
        ("$HOME `id` {not one} {{ '{{' }}", "$HOME `id` {not one} {{"),
        ("{# nothing #}x", "x"),
    ],
)
def test_what_templates_are_for(template: str, result: str) -> None:
    assert TEMPLATES.render(template) == result


@pytest.mark.parametrize(
    "template",
    [
        "{{ config }}",
        "{{ version.__class__ }}",
        "{{ version['__class__'] }}",
        "{{ version.upper() }}",
        "{{ name.major }}",
        "{{ version | attr('__class__') }}",
        "{{ ''.__class__ }}",
        "{{ range(10) }}",
        "{{ 'a' * 1000000000 }}",
        "{{ 10 ** 10 ** 10 }}",
        "{{ 'a' ~ 'b' }}",
        "{% for x in [1] %}x{% endfor %}",
        "{% set x = 1 %}",
        "{% include 'x' %}",
        "{% import 'x' as y %}",
        "{% raw %}{{ version }}",
        "{{ version if true else name }}",
        "{{ [1, 2] | join(',') }}",
        "{{ version | replace(*[1]) }}",
        "{{ version | replace(old='.', new='') }}",
        "{{ version | replace('', 'x') }}",
        "{{ version | join | nothing }}",
        "{{ version.major.minor }}",
        "{{",
        "{{ }}",
        "{{ 'x' | replace('x', '" + "x" * 600 + "') | replace('x', '" + "x" * 300 + "') }}",
        # It would expand to nothing, by way of a third of a megabyte.
        "{{ 'x' " + ("| replace('x', '" + "x" * 70 + "')") * 3 + "| replace('x', '') }}",
        "{{ version " + "| replace('1', '11') " * 9 + "}}",
        "{{ version }}" * 100,
    ],
)
def test_anything_else_is_refused(template: str) -> None:
    with pytest.raises(TemplateRefusedError):
        TEMPLATES.render(template)


def test_a_part_that_the_version_lacks_is_an_error() -> None:
    with pytest.raises(TemplateRefusedError, match="no patch part"):
        Templates(name="x", version=Version("6.5"), revision=1).render("{{ version.patch }}")


@given(st.text(alphabet="{}%# |'.()[]*abcdefversion", max_size=50))
def test_any_text_is_rendered_or_refused(text: str) -> None:
    with suppress(TemplateRefusedError):
        assert len(TEMPLATES.render(text)) <= 4096


def test_a_template_of_a_step_is_rendered_for_each_recipe_by_itself() -> None:
    other = Templates(name="zlib", version=Version("1.3"), revision=1)
    for _ in range(2):
        assert TEMPLATES.render("-flag={{ name }}-{{ version.minor }}") == "-flag=jq-7"
        assert other.render("-flag={{ name }}-{{ version.minor }}") == "-flag=zlib-3"
