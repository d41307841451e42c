"""One attempt: from an order to packages with provenance, or to the outcome of a test.
May import `build.toolchain`, `build.sources`, `farm.container`, `farm.trust` and what these may.
"""
