"""The unit of work of one decision: a transaction, the blobs, the inputs of plans, and the time.
May import `server.tables`, `server.documents`.
"""
