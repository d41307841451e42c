"""Every row, the states that they go through, the schema and its migrations, and sessions. Nothing here decides.
May import `farm.core`.
"""
