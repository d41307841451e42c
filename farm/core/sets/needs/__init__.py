"""What files ask for that no linker knows of: pkg-config modules, Python distributions, interpreters, the host.
May import `findings`, `members`, `linking`, `core.package`.
"""
