"""What an audit found, in forms that other programs read: CycloneDX, SARIF, SPDX. Pure.
May import `client.findings`.
"""
