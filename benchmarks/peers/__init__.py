"""Races against other libraries, in an environment of their own: `make bench` makes it, nothing else needs it."""
