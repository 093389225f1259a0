"""Floor 0: declarations, names, random streams and errors that every other floor builds on."""
