"""Parts of the AI suggestions panel."""
