"""Signed statements: provenance, test results, approvals, orders, submissions, summaries, and their DSSE envelope.
May import `index`, `keys`, `farm.core`, the modules of `farm.trust` itself.
"""
