"""Audit reports in formats for other programs: CycloneDX, SARIF, SPDX. Pure.
May import `client.findings`.
"""
