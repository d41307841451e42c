"""Verbs of subscribers: follow channels, search, install, upgrade, override, mirror, clean up.
May import every subpackage of `farm` except other verbs.
"""
