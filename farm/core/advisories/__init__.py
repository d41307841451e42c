"""Security advisories and statements about them (OSV, OpenVEX): reading, severity, and which packages they hold for.
May import `names`.
"""
