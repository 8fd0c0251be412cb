"""`make chaos`: real processes, seeded faults, the sandbox's record as the judge."""
