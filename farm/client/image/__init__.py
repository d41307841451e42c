"""Images as sets of packages: making, updating, describing, comparing and listing them.
May import `client.repository`, `client.root`, `client.findings`, `client.override`.
"""
