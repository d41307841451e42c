"""All rows and their states, the schema and its migrations, reading and writing rows, and sessions. No decisions.
May import `farm.core`.
"""
