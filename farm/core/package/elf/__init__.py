"""Reading ELF files and their debug data from hostile bytes, strictly and within budgets.
May import `farm.core.names`.
"""
