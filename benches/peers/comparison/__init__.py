"""Runs Keybell and its peers in turn on the same services and compares them. `benches/peers/run` is the door."""
