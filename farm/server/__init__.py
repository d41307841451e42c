"""The farm's database and every decision about it. `application` opens it; `upkeep` runs on a timer.
Subpackages, lowest first: tables, documents, transaction, identities, packages, recipes, channels, jobs, federation,
curation, submissions, advisories, pipeline.
"""
