"""The host of a subscriber, its subscriptions, and the verified releases of channels.
May import no other subpackage of `farm.client`.
"""
