"""The farm over HTTP: the API for people and workers, and the pages. Decides nothing, and never uses Celery."""
