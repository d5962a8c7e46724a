"""The Tastytrade adapter."""
