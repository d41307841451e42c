"""The subscriber's side. Rooms from low to high: repository, root, findings, override, run, image, audit, gc; mirror.
May import all but the server's rooms, `farm.build` and `farm.checker`.
"""
