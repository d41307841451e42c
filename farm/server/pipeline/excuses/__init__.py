"""The results of a candidate, and why packages are held back, recorded for people.
May import `pipeline.gates`, `pipeline.search` and what lies below.
"""
