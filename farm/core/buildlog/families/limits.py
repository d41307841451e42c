"""Limits that a build ran into: memory, disk, processes. And programs that crashed."""

from __future__ import annotations

from farm.core.buildlog.candidate import Strength
from farm.core.buildlog.error_kind import ErrorKind
from farm.core.buildlog.rule import RuleFamily, rule


class Limits(RuleFamily):
    """What programs say when the kernel gives them no more."""

    rules = (
        rule(ErrorKind.MEMORY, r"virtual memory exhausted|\bout of memory (?:allocating|trying)|: out of memory$"),
        rule(ErrorKind.MEMORY, r"Killed signal terminated program|internal compiler error: Killed"),
        rule(ErrorKind.MEMORY, r"\bstd::bad_alloc\b|^LLVM ERROR: out of memory|java\.lang\.OutOfMemoryError"),
        rule(ErrorKind.MEMORY, r"JavaScript heap out of memory|^fatal error: runtime: out of memory|^MemoryError\b"),
        rule(ErrorKind.MEMORY, r"\bKilled(?:\s+\S.*)?$|\b[Cc]annot allocate memory", Strength.MESSAGE),
        rule(ErrorKind.DISK, r"No space left on device|Disk quota exceeded"),
        rule(ErrorKind.PROCESSES, r"\bv?fork: (?!retry)(?:.*: )?Resource temporarily unavailable|[Cc]annot fork\b"),
        rule(ErrorKind.PROCESSES, r"\bfork: retry: Resource temporarily unavailable", Strength.MESSAGE),
        rule(ErrorKind.CRASH, r"\b(?:Segmentation fault|Illegal instruction|Bus error)\b", Strength.MESSAGE),
        rule(ErrorKind.CRASH, r"(?:^|:\s+\d+ )Aborted\b", Strength.MESSAGE),
    )
