"""A curated package distribution build farm: the library behind the `farm` command. Its packages are layers, of which
each imports only what lies below: see docs/architecture.md. `errors` is below all.
"""

__version__ = "0.1.0"
