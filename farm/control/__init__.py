"""Deciding what is built, by whom, and what follows from how it ended. All of it on rows, inside transactions."""
