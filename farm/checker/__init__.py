"""What is found out in a process without keys before anything is signed; `decision` is the whole of it.
Rooms from low to high: reading, builds, orders, gates. Imports `farm.core`, `farm.store`, `farm.trust`, `farm.signing`.
"""
