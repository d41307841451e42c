"""The unit of work in which one decision is made: a transaction, the blobs, what plans are made with, and the time.
May import `server.tables`, `server.documents`.
"""
