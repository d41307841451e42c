"""`farm run`: packages of a channel in a late-bound container.
May import every subpackage of `farm` except other verbs.
"""
