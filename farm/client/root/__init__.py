"""Roots and their generations: installing, upgrading, removing, going back.
May import `client.repository`, `client.findings`, `client.override`.
"""
