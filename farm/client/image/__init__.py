"""Images as sets of packages: making, updating, describing and comparing them, and which there are on this host.
May import `client.repository`, `client.root`, `client.findings`, `client.override`.
"""
