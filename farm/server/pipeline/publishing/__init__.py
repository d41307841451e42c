"""Publishes a set that passed as a signed release; adopts releases that are published and unknown to the database.
May import every other subpackage of the pipeline.
"""
