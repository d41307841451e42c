"""Databases for these tests."""

from tests.farms.databases import database, database_url, migrated_sqlite, postgres_socket

__all__ = ["database", "database_url", "migrated_sqlite", "postgres_socket"]
