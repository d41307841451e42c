"""Roots and their generations: installing, upgrading, removing, rolling back.
May import `client.repository`, `client.findings`, `client.override`.
"""
