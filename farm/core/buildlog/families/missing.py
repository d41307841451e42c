"""What is not there: headers, programs, packages and modules, as compilers, shells and interpreters say it."""

from __future__ import annotations

import re

from farm.core.buildlog.candidate import Sign, Strength
from farm.core.buildlog.error_kind import ErrorKind
from farm.core.buildlog.rule import RuleFamily, rule

_NAME = r"(?P<subject>[\w.+-][\w.+/-]*)"


class Missing(RuleFamily):
    """Errors whose subject is a file, program or package that something else has to provide."""

    signs = ((Sign.FAILED, re.compile(r"^BEGIN failed--compilation aborted")),)
    rules = (
        rule(ErrorKind.MISSING_FILE, r"\bcc1(?:plus)?: fatal error: (?P<subject>[^:]+): No such file or directory"),
        rule(ErrorKind.MISSING_FILE, r"\bclang[^:]*: error: no such file or directory: '(?P<subject>[^']+)'"),
        rule(
            ErrorKind.MISSING_FILE,
            r"\b(?:gcc|g\+\+|cc|c\+\+)[\d.-]*: error: (?P<subject>[^:]+): No such file or directory",
        ),
        rule(ErrorKind.MISSING_HEADER, r":\d+: fatal error: (?P<subject>[^:]+): No such file or directory"),
        rule(ErrorKind.MISSING_HEADER, r": fatal error: '(?P<subject>[^']+)' file not found"),
        rule(ErrorKind.MISSING_PROGRAM, r"\bcollect2: fatal error: cannot find '(?P<subject>[^']+)'"),
        rule(ErrorKind.MISSING_PROGRAM, r"^error: linker `(?P<subject>[^`]+)` not found"),
        rule(ErrorKind.MISSING_PROGRAM, r"exec: \"(?P<subject>[^\"]+)\": executable file not found"),
        rule(
            ErrorKind.MISSING_PROGRAM,
            r"^\[FATAL tini \(\d+\)\] exec (?P<subject>[^\s:]+) failed: No such file or directory$",
            Strength.MESSAGE,
        ),
        rule(ErrorKind.MISSING_PROGRAM, rf": {_NAME}: bad interpreter: No such file", Strength.MESSAGE),
        rule(
            ErrorKind.MISSING_PROGRAM, rf"\bsh: (?:line )?(?:\d+: )?{_NAME}: (?:command )?not found$", Strength.MESSAGE
        ),
        rule(ErrorKind.MISSING_PROGRAM, rf": line \d+: {_NAME}: command not found$", Strength.MESSAGE),
        rule(ErrorKind.MISSING_PROGRAM, rf": (?:line )?\d+: (?:eval: |exec: )?{_NAME}: not found$", Strength.MESSAGE),
        rule(
            ErrorKind.MISSING_PROGRAM,
            rf"(?:^|/)g?make(?:\[\d+\])?: {_NAME}: (?:No such file or directory|Command not found)$",
            Strength.MESSAGE,
        ),
        rule(ErrorKind.MISSING_PROGRAM, rf"\benv: [‘'`]?{_NAME}['’]?: No such file or directory", Strength.MESSAGE),
        rule(ErrorKind.MISSING_PROGRAM, rf"^WARNING: '{_NAME}' is missing on your system", Strength.MESSAGE),
        rule(ErrorKind.MISSING_PACKAGE, r"^Package (?P<subject>\S+) was not found in the pkg-config", Strength.MESSAGE),
        rule(ErrorKind.MISSING_PACKAGE, r"^No package '(?P<subject>[^']+)' found", Strength.MESSAGE),
        rule(ErrorKind.MISSING_PACKAGE, r"^Package '(?P<subject>[^']+)'.* not found$", Strength.MESSAGE),
        rule(ErrorKind.MISSING_PACKAGE, r"^error: no matching package named `(?P<subject>[^`]+)` found"),
        rule(ErrorKind.MISSING_PACKAGE, r"no required module provides package (?P<subject>[^\s;:]+)"),
        rule(ErrorKind.MISSING_PACKAGE, r"cannot find module providing package (?P<subject>[^\s;:]+)"),
        rule(ErrorKind.MISSING_PACKAGE, r"\.go:\d+:\d+: package (?P<subject>\S+) is not in std"),
        rule(ErrorKind.MISSING_PACKAGE, r"\.java:\d+: error: package (?P<subject>[\w.]+) does not exist"),
        rule(ErrorKind.MISSING_MODULE, r"^Can't locate (?P<subject>\S+)\.pm in @INC"),
        rule(ErrorKind.MISSING_MODULE, r"^Error: Cannot find module '(?P<subject>[^']+)'"),
        rule(ErrorKind.MISSING_MODULE, r"\bpython[\d.]*: No module named (?P<subject>[\w.]+)", Strength.MESSAGE),
    )
