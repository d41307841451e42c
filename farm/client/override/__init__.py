"""Packages of the user's choice that replace a channel's.
May import `client.repository`, `client.findings`.
"""
