"""Channels: releases, candidates, excuses, rollbacks. Rows only: `server.pipeline` decides about them.
May import `server.packages` and what lies below.
"""
