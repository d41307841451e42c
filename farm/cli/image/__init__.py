"""`farm image`: images as sets of packages.
May import every subpackage of `farm` except other verbs.
"""
