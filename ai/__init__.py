"""The analyst: comes with its own release; nothing here can reach execution."""
