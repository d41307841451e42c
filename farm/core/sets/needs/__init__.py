"""Needs that the dynamic linker does not check: pkg-config modules, Python distributions, interpreters, the host.
May import `findings`, `members`, `linking`, `core.package`, `core.names`.
"""
