"""Market data as the desk holds it: quotes, subscriptions, betas, carry, chains."""
