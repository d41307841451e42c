"""What ELF files and their debug data say, read strictly and within budgets from hostile bytes.
May import nothing else of the farm but its errors.
"""
