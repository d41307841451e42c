"""What is kept beside the rows as blobs and files: recipes, finished packages, archives, logs.
May import `server.tables`, `farm.store`, `farm.api`.
"""
