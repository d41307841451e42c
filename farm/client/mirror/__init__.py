"""A verified copy of channels in a directory that any static host can serve.
May import `client.repository`.
"""
