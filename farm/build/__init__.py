"""Building on one machine, start to end. Rooms: toolchain, sources, attempt, abi.
May import `farm.core`, `farm.store`, `farm.container`, `farm.oci`, `farm.trust`.
"""
