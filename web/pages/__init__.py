"""The pages for people: HTML rendered here, from the database and the log store. They change nothing.
May import `farm.server`, what lies below, `web.registry.names`, and the modules of `web` itself.
"""
