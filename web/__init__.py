"""The farm over HTTP: the API for people and workers, and the pages. Decides nothing, and never uses Celery.
May import every subpackage of `farm` but `farm.cli`. Subpackages: `registry`, and above it `api` and `pages`.
"""
