"""Coverage-guided fuzzing of what reads foreign input: `make fuzz SECONDS=60`."""
