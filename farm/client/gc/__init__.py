"""Removing what no record of this host speaks of.
May import `client.repository`, `client.root`, `client.run`.
"""
