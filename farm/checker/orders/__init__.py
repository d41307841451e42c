"""Checks that need a person's permission: what a release does is compared with signed orders in the ledger.
May import `checker.reading`, `checker.builds`.
"""
