"""Data on disk: the content-addressed store, capture and unpacking of trees, durable files, locks; `http` fetches.
May import `farm.core`.
"""
