"""Pure values and decisions: no file, socket, clock, process or database. Tested with plain values.
Rooms from low to high: names, fileset, package, files, recipe, subscriber, policy, plan, advisories, sets.
"""
