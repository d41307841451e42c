"""The farm's HTTP API as both of its ends see it: wire types, signed requests, and the clients.
May import `farm.core`.
"""
