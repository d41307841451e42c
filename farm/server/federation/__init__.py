"""Other distributions: their verified releases, followed as a subscriber does.
May import `server.jobs` and what lies below, and `farm.trust`.
"""
