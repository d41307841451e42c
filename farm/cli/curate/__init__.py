"""Verbs of curators: channels, candidates, orders, approvals, advisories.
May import every room of `farm` but other verbs.
"""
