"""The sink: puts results in order, accounts for every frame, and publishes."""
