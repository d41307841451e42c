"""Security advisories and statements about them (OSV, OpenVEX): reading, severity, and matching with packages.
May import `core.names`.
"""
