"""The routes below /api/v1. May import `farm.server`, what lies below, and the modules of `web`."""
