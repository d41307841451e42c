"""What curators decide: holds, approvals, reports, and signed orders to the pipeline.
May import `server.federation` and what lies below.
"""
