"""The farm's HTTP API for both its ends: wire types, signed requests, and the clients.
May import `farm.core`, `farm.store`.
"""
