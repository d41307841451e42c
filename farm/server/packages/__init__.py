"""Finished packages: their rows, build numbers, copied code, and rebuilds.
May import `server.transaction` and what lies below.
"""
