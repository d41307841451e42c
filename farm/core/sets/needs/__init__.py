"""Needs that no dynamic linker knows: pkg-config modules, Python distributions, interpreters, the host.
May import `findings`, `members`, `linking`, `core.package`.
"""
