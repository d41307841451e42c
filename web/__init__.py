"""The farm's face on HTTP: the API for people and workers, and the pages. Decides nothing; never speaks to Celery."""
