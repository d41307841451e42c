"""Verbs of maintainers: build, test, lint, pack, submit and follow.
May import every subpackage of `farm` except other verbs.
"""
