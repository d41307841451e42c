"""Submissions: recipes come in, are checked as a whole, wait for owners, become current.
May import `server.curation` and what lies below.
"""
