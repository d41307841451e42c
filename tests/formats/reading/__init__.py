"""The one door to the farm's code: what is imported from it by the tests of formats is imported here."""
