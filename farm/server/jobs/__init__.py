"""Jobs, leases and attempts: planning, claiming, finishing, and the effects on dependents.
May import `server.channels` and what lies below.
"""
