"""The farm's database and every decision about it. `application` opens it; `upkeep` runs on a timer.
Subpackages, lowest first: tables, documents, transaction, identities, packages, recipes, channels, jobs, federation,
curation, submissions, advisories, pipeline. May import `farm.signing`, `farm.trust`, `farm.oci`, `farm.api` and below.
"""
