"""Speed as it is on this machine, beside references measured in the same run."""
