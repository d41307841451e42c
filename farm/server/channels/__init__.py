"""Channels: releases, candidates, excuses, rollbacks. `server.pipeline` decides; `channel_checks` refuses wrong names.
May import `server.packages` and what lies below.
"""
