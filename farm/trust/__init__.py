"""Keys, signed statements, the release index, TUF metadata. Talks to no database, and to no network but for keys."""
