"""Jobs, leases and attempts: planning, claiming, finishing, and what follows for dependents.
May import `server.channels` and what lies below.
"""
