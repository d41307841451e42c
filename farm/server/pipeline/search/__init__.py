"""The search for the largest part of a candidate that passes proof, interfaces and tests.
May import `pipeline.members`.
"""
