"""Looking over what is installed, made, running or published: advisories, verification, provenance, who needs what.
May import every other room of `farm.client` but `gc` and `mirror`.
"""
