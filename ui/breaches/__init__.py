"""Parts of the breaches panel."""
