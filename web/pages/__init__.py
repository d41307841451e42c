"""The pages for people: HTML rendered here, from the database and the log store. They change nothing."""
