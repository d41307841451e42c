"""From what passed to a signed release; and taking up what is published but unknown to the database.
May import every other room of the pipeline.
"""
