"""How dates and times are written in each language; the rest is as Django has it."""
