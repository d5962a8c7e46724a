"""Tastytrade, through its REST interface, its account stream and DXLink."""
