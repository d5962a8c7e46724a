"""Speed and memory of the desk, each figure beside a baseline of the same run: `python -m benchmarks`."""
