"""The subscriber's side: from a pinned root to the newest release of a channel, verified, and kept for later.
May import all rooms of `farm.trust` but `ceremony`.
"""
