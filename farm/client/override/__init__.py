"""Packages of the user's own choice in place of a channel's.
May import `client.repository`, `client.findings`.
"""
