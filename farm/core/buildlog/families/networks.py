"""Attempts to reach the network, which no build has."""

from __future__ import annotations

from farm.core.buildlog.error_kind import ErrorKind
from farm.core.buildlog.rule import RuleFamily, rule

_HOST = r"(?P<subject>[\w-]++(?:\.[\w-]++)++)"


class Networks(RuleFamily):
    """What git, curl, wget, pip, cargo, go, perl and xsltproc say without a network."""

    rules = tuple(
        rule(ErrorKind.NETWORK, pattern)
        for pattern in (
            rf"Could(?:n't| not) resolve host(?: ?name)?:? \(?(?:Could not resolve host: )?{_HOST}?",
            rf"unable to resolve host address [‘'`]{_HOST}",
            rf"dial tcp: lookup {_HOST}",
            rf"Failed to resolve '{_HOST}'",
            rf"[Bb]ad hostname '?{_HOST}?",
            rf"Resolving {_HOST}.*\.\.\. failed",
            rf"(?:(?<![\w.-]){_HOST}: )?Temporary failure in name resolution",
            r"Name or service not known|nodename nor servname provided",
            rf"getaddrinfo (?:failed|EAI_AGAIN|ENOTFOUND) ?{_HOST}?",
            r"Failed to establish a new connection|failed to lookup address information",
            r"I/O error : Attempt to load network entity (?P<subject>\S+)",
            r"\b[Nn]etwork is unreachable",
        )
    )
