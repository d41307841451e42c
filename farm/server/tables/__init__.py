"""All rows and their states, the schema and its migrations, reading rows, and sessions. No decisions.
May import `farm.core`.
"""
