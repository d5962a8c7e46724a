"""Suggestions against broken limits: searched, verified, ranked, kept and scored."""
