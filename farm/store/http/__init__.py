"""Guarded HTTP: which addresses may be connected to, how long anything may take, and downloads within limits.
May import nothing else of the farm but its errors.
"""
