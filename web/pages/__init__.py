"""The pages for people: HTML rendered here, out of what the database and the log store say. They change nothing."""
