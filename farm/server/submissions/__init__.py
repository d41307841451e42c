"""Submissions of recipes: checked as a whole, held until owners have signed, made current.
May import `server.curation` and what lies below.
"""
