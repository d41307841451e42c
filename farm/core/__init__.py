"""Pure values and decisions: no file, socket, clock, process or database. Tested with plain values.
Subpackages from low to high: names, fileset, package, files, advisories, recipe, subscriber, policy, plan, sets.
"""
