"""Guarded HTTP: allowed addresses, time limits, and downloads within limits.
May import nothing else of the farm but its errors.
"""
