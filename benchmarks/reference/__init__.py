"""The reference files, read row by row, and how far the numbers core is from each."""
