"""`farm image`: images as sets of packages.
May import every room of `farm` but other verbs.
"""
