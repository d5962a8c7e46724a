"""Risk analysis beside the engine's thread: what the window asks for, as long as somebody looks."""
