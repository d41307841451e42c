"""Toolchains on this host: locked Debian packages, fetched by a private apt, made into a root.
May import `farm.core`, `farm.store`.
"""
