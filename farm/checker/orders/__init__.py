"""What only a person may let a release do, held against signed orders in the ledger.
May import `checker.reading`, `checker.builds`.
"""
