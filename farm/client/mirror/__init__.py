"""A verified copy of channels in a directory that any static web server can serve.
May import `client.repository`.
"""
