"""The steps themselves. A released step is never edited; a change is a new step."""
