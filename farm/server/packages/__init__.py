"""Finished packages: their rows, build numbers, whose code they hold copies of, who built them again.
May import `server.transaction` and what lies below.
"""
