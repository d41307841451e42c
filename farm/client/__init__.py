"""The subscriber. Subpackages, low to high: repository, findings, override, root, image, run, gc, audit; mirror.
May import everything but the server's packages, `farm.build` and `farm.checker`.
"""
