"""Verbs that look: audit, verify, policy, provenance, bills of materials, sources, who needs what.
May import every room of `farm` but other verbs.
"""
