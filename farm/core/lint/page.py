"""The page of all rules, `docs/lint.md`."""

from __future__ import annotations

from farm.core.lint.registry import FAMILIES, RULES

_HEAD = """\
# Rules of farm lint

`farm lint` reports [errors and warnings](maintain.md#lint). Each has a rule, with a code: a letter for its family, and
a number. `farm lint --explain CODE` prints the section of a rule, `--select` and `--ignore` take codes and families.
(`UPDATE_GOLDEN=1 pytest tests/docs/test_lint_page.py` writes this page, from `farm/core/lint/rules`.)

## Allow what a rule reports

Where a rule is wrong about a recipe, the recipe allows it, and says why:

```yaml
lint:
  - {allow: T101, reason: It has no program of its own}
  - {allow: SC2045, reason: The names of the archive are known}
```

An allowance without a reason is an error. One that nothing needs any more is reported. No plan has the key `lint`: to
change it causes no build, and needs no new revision.
"""


def lint_page() -> str:
    """Return the text of the page, in Markdown."""
    parts = [_HEAD]
    for letter, family in sorted(FAMILIES.items()):
        parts.append(f"## {family}\n")
        parts += [rule.page() for code, rule in RULES.items() if code.startswith(letter)]
    return "\n".join(parts)
