"""Verbs that only read: audit, verify, policy, provenance, bills of materials, sources, reasons for packages.
May import every subpackage of `farm` except other verbs.
"""
