"""Verbs of curators: channels, candidates, orders, approvals, advisories; and `farm rollback`, of channels and roots.
May import every subpackage of `farm` except other verbs.
"""
