"""Tests of the numbers, one module each."""
