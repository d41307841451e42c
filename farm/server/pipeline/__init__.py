"""The release pipeline: collects new builds, checks them as one set against a channel's gates, and publishes the set.
Subpackages, lowest first: repository, members, candidates, gates and search, excuses, publishing; `pipeline` joins
them by `round`, `collection`, `examination` and `released_tests`, and `channels` has a pipeline for each channel.
May import every slice of `farm.server`, and what `farm.server` may. `round_result` is below all of these.
"""
