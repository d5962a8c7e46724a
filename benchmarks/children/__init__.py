"""Programs that are measured in a process of their own; each prints its facts as one line of JSON."""
