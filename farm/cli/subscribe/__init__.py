"""Verbs of subscribers: follow channels, search, install, upgrade, override, mirror, clean up.
May import every room of `farm` but other verbs.
"""
