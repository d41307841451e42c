"""The farm's database and every decision about it. `application` opens it; `upkeep` runs on a timer.
Slices from low to high: tables, documents, transaction, identities, packages, recipes, channels, jobs, federation,
curation, submissions, advisories, pipeline.
"""
