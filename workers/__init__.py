"""The processes of a farm: control, build workers, the signer and its checker. Of these only control has the farm's
database. May import every subpackage of `farm` but `farm.cli`; what each process may not load, the contracts say.
"""
