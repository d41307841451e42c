"""Garbage collection: removing what no record of this host refers to.
May import `client.repository`, `client.root`, `client.run`.
"""
