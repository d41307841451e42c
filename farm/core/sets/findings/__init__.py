"""Problems of a set, and notes about it, as values; each says in one sentence what was found.
May import `core.package`, `core.names`.
"""
