"""The release pipeline: collects new builds, checks them as one set against a channel's gates, and publishes the set.
Subpackages, lowest first: repository, members, candidates, gates and search, excuses, publishing; `pipeline` joins
them, and `channels` has a pipeline for each channel. `round_result` is below all of these.
"""
