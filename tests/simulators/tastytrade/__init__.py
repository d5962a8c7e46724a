"""Tastytrade on loopback: REST, account stream and DXLink in front of the paper market."""
