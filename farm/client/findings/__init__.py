"""The findings of audits, verification and policies, as values, and the facts that they are based on.
May import `client.repository`.
"""
