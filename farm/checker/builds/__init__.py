"""Checks that packages were built as their recipes state, by allowed builders, from recipes signed by owners.
May import `checker.reading`.
"""
