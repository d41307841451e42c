"""What the dynamic linker would do with the files of a set: which library is found, which symbol is taken.
May import `findings`, `members`, `core.package`.
"""
