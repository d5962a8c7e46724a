"""Parts of the journal browser."""
