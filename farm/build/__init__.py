"""Building on one machine, from start to end. Subpackages: toolchain, sources, attempt, abi.
May import `farm.core`, `farm.store`, `farm.container`, `farm.oci`, `farm.trust`.
"""
