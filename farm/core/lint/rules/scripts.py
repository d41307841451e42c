"""Rules about shell text; `farm.build.shell_check` runs the programs that find what they report."""

from __future__ import annotations

from farm.core.lint.finding import Severity
from farm.core.lint.rule import Rule

_LICENSE = "  - license: {files: [COPYING]}\n"

SYNTAX = Rule(
    "P101",
    "shell-syntax",
    Severity.ERROR,
    "`bash -n` cannot read the text of a step or test. (Without bash, nothing is reported.)",
    f"steps:\n  - run: |\n      if test -e configure; then\n          ./configure\n{_LICENSE}",
    f"steps:\n  - run: |\n      if test -e configure; then\n          ./configure\n      fi\n{_LICENSE}",
    allowable=False,
)
SHELLCHECK = Rule(
    "P102",
    "shellcheck",
    Severity.WARNING,
    "`shellcheck` finds a mistake in the text of a step or test; the finding names its check, `SC2045`, which its "
    "manual explains. Only what it calls a warning or an error is reported, with that severity. To allow one check, "
    "name it: `{allow: SC2045, reason: …}`; `P102` stands for all. A comment `# shellcheck disable=SC2045` works as "
    "well, but belongs to the step, so it causes a new build. (Without shellcheck, nothing is reported.)",
    f'steps:\n  - run: |\n      for file in $(ls /sources); do\n          cp "$file" .\n      done\n{_LICENSE}',
    f'steps:\n  - run: |\n      for file in /sources/*; do\n          cp "$file" .\n      done\n{_LICENSE}',
)

RULES = (SYNTAX, SHELLCHECK)
