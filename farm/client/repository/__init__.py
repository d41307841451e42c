"""The host of a subscriber, its subscriptions, and verified channels: what they hold, fetched and kept.
May import no other room of `farm.client`.
"""
