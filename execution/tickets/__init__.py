"""What a staged ticket would do, before the broker is asked."""
