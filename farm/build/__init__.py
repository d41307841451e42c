"""Building on one machine, from start to end. Subpackages: toolchain, sources, attempt, abi, kept, local.
May import `farm.core`, `farm.store`, `farm.container`, `farm.oci`, `farm.trust`.
"""
