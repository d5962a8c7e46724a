"""TWS on loopback: the text protocol in front of the paper market."""
