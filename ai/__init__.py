"""The analyst: verified candidates in, ranked and explained opinions out; nothing here can reach execution."""
