"""Keys, signed statements, the release index and TUF metadata. Talks to no network and no database."""
