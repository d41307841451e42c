"""What people follow: changes by number, events on a change of state, and the webhooks that get them.
May import `server.transaction` and what lies below.
"""
