"""`make hosts`: several machines, of which one is cut off while the program sends."""
