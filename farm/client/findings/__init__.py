"""What audits, verification and policies find, as values, and the facts that they go by.
May import `client.repository`.
"""
