"""Databases for these tests."""

from tests.server.databases import database, database_url, migrated_sqlite, postgres_socket

__all__ = ["database", "database_url", "migrated_sqlite", "postgres_socket"]
