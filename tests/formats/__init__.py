"""What was published, sent or stored by the farm of a certain day, kept as files, and read by the code of today.

`data` was written once by `make` and is never changed: it stands for all that lies in channels, databases and home
directories. What is new is added beside it. `reading` is the one door to the farm's code.
"""
