"""Verbs of curators: channels, candidates, orders, approvals, advisories.
May import every subpackage of `farm` except other verbs.
"""
