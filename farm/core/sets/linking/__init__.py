"""What the dynamic linker does with the files of a set: which library it finds, which symbol an import takes.
May import `findings`, `members`, `core.package`, `core.names`.
"""
