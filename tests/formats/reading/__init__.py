"""The only access to the farm's code: the tests of formats import it through this package."""
