"""Data on disk: the content-addressed store, capture and unpacking of trees, durable files, locks.
May import `farm.core`.
"""
