"""A server on loopback that speaks chat completions and responses, as good and as bad as real ones."""
