"""Plays the whole main job once without a person, through the same window and commands; leaves facts and pictures."""
