"""Keys, signed statements, the release index and TUF metadata. Talks to no database, and to no network but what holds a key."""
