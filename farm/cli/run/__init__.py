"""`farm run`: packages of a channel in a late-bound container.
May import every room of `farm` but other verbs.
"""
