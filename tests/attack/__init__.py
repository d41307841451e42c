"""The farm attacked from inside: its database edited, its signer's socket forged at, its control replaced by a liar."""
