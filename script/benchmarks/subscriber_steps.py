"""Single steps of a subscriber, each in a process of its own: `python -m … STEP STATE HOST [NAME]`.

`sync` verifies the newest release, `list` counts its packages; `resolve` counts the closure of one package in the last
verified release, without network; `resolve-newest` that in the newest.
"""

from __future__ import annotations

import sys
from pathlib import Path

from farm.client.repository.host import Host
from farm.client.repository.offline import last_verified

if __name__ == "__main__":
    step, host = sys.argv[1], Host(Path(sys.argv[2]), Path(sys.argv[3]))
    match step:
        case "sync":
            print(host.catalogue().release.number)
        case "resolve":
            print(len(last_verified(host).catalogue.closure(sys.argv[4:])))
        case "resolve-newest":
            print(len(host.catalogue().closure(sys.argv[4:])))
        case "list":
            print(sum(1 for _ in host.catalogue().listings()))
