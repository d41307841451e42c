"""The subscriber. Subpackages, low to high: repository, findings, override, root, image, run, gc, audit; mirror.
May import `farm.trust`, `farm.oci`, `farm.container`, `farm.api` and what lies below.
"""
