"""What can be wrong with a set, and what is worth knowing of one, as values; each says it in one sentence.
May import `core.package`, `core.names`.
"""
