"""Fetching the sources of a build by digest, before its container starts.
May import `build.toolchain`, `farm.core`, `farm.store`.
"""
