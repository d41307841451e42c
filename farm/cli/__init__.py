"""The `farm` command. Settings are read here, once; verbs are loaded when they are called."""
