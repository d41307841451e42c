"""The subscriber's side: from a pinned root to the newest release of a channel, verified, and stored for later.
May import all of `farm.trust` except `ceremony`.
"""
