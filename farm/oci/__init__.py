"""OCI images from compositions: layers, layouts, referrers, and registries.
May import `farm.core`, `farm.store`.
"""
