"""The farm itself: what its database knows, and each decision about it. `application` opens it, `upkeep` is timed.
Slices from low to high: tables, documents, transaction, identities, packages, recipes, channels, jobs, federation,
curation, submissions, advisories, pipeline.
"""
