"""The processes of a farm: control, build workers, the signer and its checker. Of these only control has a database."""
