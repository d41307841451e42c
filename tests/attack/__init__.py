"""Attacks from inside the farm: an edited database, forged messages to the signer's sockets, a lying control."""
