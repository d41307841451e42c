"""How a candidate fares, and why packages are held back, written down for people.
May import `pipeline.gates`, `pipeline.search` and what lies below.
"""
