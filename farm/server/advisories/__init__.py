"""Advisories of the distribution and reviews of packages, taken from curators.
May import `server.curation` and what lies below.
"""
