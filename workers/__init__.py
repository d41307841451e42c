"""The processes of a farm: control, build workers, the signer. Only control holds a database URL."""
