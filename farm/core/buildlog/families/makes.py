"""make and ninja: what they cannot carry out is an error; that a program failed, which they report, is a sign of one."""

from __future__ import annotations

import re

from farm.core.buildlog.candidate import Sign
from farm.core.buildlog.error_kind import ErrorKind
from farm.core.buildlog.rule import RuleFamily, rule

_MAKE = r"(?:^|/)g?make(?:\[\d+\])?: "


class Makes(RuleFamily):
    """GNU make, ninja, and the reports of other programs that run programs."""

    signs = (
        (Sign.FAILED_AS_A_WHOLE, re.compile(r"(?:^|/)g?make: \*\*\* \[")),
        (Sign.FAILED, re.compile(_MAKE + r"\*\*\* (?:\[|Waiting for|Deleting|wait: )")),
        (Sign.IGNORED, re.compile(_MAKE + r"\[.*\] (?:Error \d+|\w+) \(ignored\)$")),
        (Sign.FAILED_AHEAD, re.compile(r"^FAILED: ")),
        (Sign.FAILED, re.compile(r"^(?:ninja|samu): (?:build|job) (?:stopped|failed)|^scons: \*\*\* \[")),
        (
            Sign.FAILED,
            re.compile(r"^\s*error: command '?\S+'? failed with exit (?:code|status)|^BUILD FAILED|^\[ERROR\] BUILD"),
        ),
    )
    rules = (
        rule(ErrorKind.MISSING_FILE, _MAKE + r"\*\*\* No rule to make target [`'‘](?P<subject>[^'’]+)['’], needed by"),
        rule(ErrorKind.MAKE, _MAKE + r"\*\*\* No rule to make target [`'‘](?P<subject>[^'’]+)['’]"),
        rule(ErrorKind.MISSING_FILE, _MAKE + r"\*\*\* (?P<subject>[^\s:]+): No such file or directory\.  Stop"),
        rule(ErrorKind.MAKE, _MAKE + r"\*\*\* .*  Stop\.$"),
        rule(ErrorKind.MAKE, r"^[^\s:]+:\d+: \*\*\* .*  Stop\.$"),
        rule(ErrorKind.MISSING_FILE, r"^ninja: error: '(?P<subject>[^']+)', needed by .* missing and no known rule"),
        rule(ErrorKind.MAKE, r"^(?:ninja|samu): (?:error|fatal): "),
    )  # fmt: skip
