"""Commands that complain about their files: patch, tar and the like, install, cp, and the shell itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from farm.core.buildlog.candidate import Candidate, Sign, Strength
from farm.core.buildlog.error_kind import ErrorKind
from farm.core.buildlog.rule import RuleFamily, rule

if TYPE_CHECKING:
    from farm.core.buildlog.log_line import LogLine

_PATCHED = re.compile(r"^(?:checking|patching) file '?(.+?)'?(?: \(|$)")
_COMMANDS = (
    "ar|awk|cat|cd|chgrp|chmod|chown|cmp|cp|cpio|cut|diff|dirname|file|find|gawk|gettext|gmsgfmt|grep|head|help2man|"
    "install|ld|ldconfig|ln|ls|m4|makeinfo|mawk|mkdir|msgfmt|msgmerge|mv|nm|objcopy|objdump|pod2man|ranlib|readelf|readlink|"
    "rm|rmdir|sed|sort|strip|tail|tee|test|touch|tr|xargs|xgettext|xsltproc"
)
_COMMAND = rf"(?:^|/)(?:[\w.]+-)*(?:{_COMMANDS}): "


class Files(RuleFamily):
    """Rejected patches, archives that cannot be unpacked, files that cannot be read, made or installed."""

    signs = ((Sign.FAILED, re.compile(r"tar: (?:Exiting with failure|Error is not recoverable|Child returned)")),)
    rules = (
        rule(ErrorKind.PATCH, r"^Hunk #\d+ FAILED at|^\d+ out of \d+ hunks? (?:FAILED|failed|ignored)"),
        rule(ErrorKind.PATCH, r"^can't find file to patch at input line|^patch: \*\*\*\* "),
        rule(ErrorKind.PATCH, r"^error: patch failed: (?P<subject>[^:]+)|^error: (?P<file>[^:]+): patch does not apply"),
        rule(ErrorKind.ARCHIVE, r"(?:^|/)(?:bsd)?tar: (?!Removing|.*: (?:file changed|time stamp|implausibly)).*(?:Cannot|not look like|Unexpected EOF|Error|Failed)"),
        rule(ErrorKind.ARCHIVE, r"(?:^|/)(?:gzip|gunzip|xz|unxz|bzip2|zstd|unzip|7z|cpio): .*(?:not in gzip|unexpected end|not recognized|corrupt|not a bzip2|unsupported format|cannot find)"),
        rule(ErrorKind.ARCHIVE, r"End-of-central-directory signature not found"),
        rule(ErrorKind.PERMISSION, r": Permission denied$|: Operation not permitted$|: Read-only file system$", Strength.MESSAGE),
        rule(ErrorKind.COMMAND, r": line \d+: (?P<subject>\w+): unbound variable$"),
        rule(ErrorKind.COMMAND, r"(?:\bline \d+|: \d+): (?:[^\s:]+: )?(?:[Ss]yntax error|unexpected EOF)", Strength.MESSAGE),
        rule(ErrorKind.MISSING_FILE, _COMMAND + r"cannot \w+ (?:regular file |directory )?[‘'`](?P<subject>[^'’]+)['’].*: No such file", Strength.MESSAGE),
        rule(ErrorKind.MISSING_FILE, _COMMAND + r"(?:can't read |[‘'`])?(?P<subject>[^'’:]+)['’]?: No such file or directory", Strength.MESSAGE),
        rule(ErrorKind.MISSING_FILE, r": line \d+: (?:\w+: )?(?P<subject>[^\s:]+): No such file or directory$", Strength.MESSAGE),
        rule(ErrorKind.MISSING_FILE, r": \d+: (?:cannot open |\.: |cd: can't cd to )(?P<subject>[^\s:]+)", Strength.MESSAGE),
        rule(ErrorKind.COMMAND, _COMMAND + r".*(?:cannot|invalid|unrecogni[sz]ed|unknown|missing|File exists|[Ii]s a directory|[Nn]ot a directory|[Ee]rror|[Ff]ailed|can't|unable|omitting directory|differ|unterminated)", Strength.MESSAGE),
    )  # fmt: skip

    def __init__(self) -> None:
        self._patched = ""

    def see(self, line: LogLine) -> Candidate | Sign | None:
        """Take the next line. A rejected hunk is about the file that the line above names."""
        if found := _PATCHED.match(line.text):
            self._patched = found[1]
            return None
        found_error = super().see(line)
        if isinstance(found_error, Candidate) and found_error.kind is ErrorKind.PATCH and not found_error.subject:
            found_error.subject = self._patched
        return found_error
