"""A curated package distribution build farm: the library behind the `farm` command."""

__version__ = "0.1.0"
