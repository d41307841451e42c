"""All rows and their states, the schema and its migrations, reading rows, and sessions. Nothing here decides.
May import `farm.core`.
"""
