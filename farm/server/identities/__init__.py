"""Identities and permissions: tokens, workers, and the audit trail.
May import `server.transaction` and what lies below.
"""
