"""Imports brokers' statements: history from before the app, and days it missed."""
