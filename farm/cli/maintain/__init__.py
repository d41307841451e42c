"""Verbs of maintainers: build, test, lint, pack, submit and follow.
May import every room of `farm` but other verbs.
"""
