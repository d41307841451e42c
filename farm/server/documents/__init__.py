"""What is stored outside the database, as blobs and files: recipes, packages, archives, logs.
May import `server.tables`, `farm.store`, `farm.api`.
"""
