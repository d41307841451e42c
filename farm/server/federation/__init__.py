"""Other distributions: their verified releases, followed like a subscriber.
May import `server.jobs` and what lies below, and `farm.trust`.
"""
