"""Fixtures that the farm of a certain day published, sent or stored, kept as files and read by the current code.

`data` was written once by `make` and never changes: it represents what is in channels, databases and home
directories. New fixtures are added next to it. `reading` is the only access to the farm's code.
"""
