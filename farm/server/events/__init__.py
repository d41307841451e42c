"""What people follow and are told: changes by number, events on a change of state, and webhooks that are told of them.
May import `server.transaction` and what lies below.
"""
