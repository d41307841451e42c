"""Problems of a set, and notes about it, as values; each has a message of one sentence.
May import `core.package`, `core.names`.
"""
