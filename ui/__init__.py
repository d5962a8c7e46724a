"""The window. The only package that knows Qt; it reads snapshots, sends commands and changes no domain state."""
