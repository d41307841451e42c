"""Roots and their generations: installing, upgrading, removing, going back.
May import `client.repository`.
"""
