"""The rows of the farm: what is known, in SQLite or PostgreSQL. Only this room knows SQL; nothing here decides."""
