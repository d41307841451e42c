"""Errors of linkers and of libtool: symbols without a definition or with two, libraries that are not there."""

from __future__ import annotations

import re

from farm.core.buildlog.candidate import Sign
from farm.core.buildlog.error_kind import ErrorKind
from farm.core.buildlog.rule import RuleFamily, rule

_LINKER = r"(?:^|[\s/])(?:ld|mold)(?:\.\w+)?: "


class Linkers(RuleFamily):
    """GNU ld, gold, lld and mold, and what calls them."""

    signs = (
        (Sign.FAILED, re.compile(r"\bcollect2: error: ld returned|linker command failed with exit code")),
        (Sign.FAILED, re.compile(_LINKER + r"final link failed|^error: linking with `[^`]*` failed")),
    )
    rules = (
        rule(ErrorKind.MISSING_LIBRARY, r"cannot find -l(?P<subject>[^\s:]+)"),
        rule(ErrorKind.MISSING_LIBRARY, r"unable to find library -l(?P<subject>[^\s:]+)|library not found for -l"),
        rule(ErrorKind.MISSING_LIBRARY, r"libtool:\s+error: cannot find the library [`'‘](?P<subject>[^'’]+)"),
        rule(ErrorKind.MISSING_LIBRARY, r"error while loading shared libraries: (?P<subject>[^\s:]+): cannot open"),
        rule(ErrorKind.MISSING_FILE, _LINKER + r"cannot find (?P<subject>[^\s:]+)(?:: No such file|$)"),
        rule(ErrorKind.LINKER, r"undefined reference to [`'‘](?P<subject>[^`'’]+)['’]"),
        rule(ErrorKind.LINKER, r"multiple definition of [`'‘](?P<subject>[^`'’]+)['’]"),
        rule(ErrorKind.LINKER, _LINKER + r"error: (?:undefined|duplicate) symbol: (?P<subject>\S+)"),
        rule(ErrorKind.LINKER, _LINKER + r"(?!.*warning:).*(?:relocation .* can ?not be used|recompile with -fPIC)"),
        rule(
            ErrorKind.LINKER,
            _LINKER + r"(?!.*warning:).*(?:file (?:format )?not recognized|hidden symbol|undefined symbol)",
        ),
        rule(ErrorKind.LINKER, _LINKER + r"(?:fatal )?(?:error: |unrecogni[sz]ed |cannot open )"),
        rule(ErrorKind.COMMAND, r"^libtool:\s+error: "),
    )
