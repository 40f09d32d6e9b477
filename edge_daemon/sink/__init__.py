"""Where results come together: puts them in order, accounts for every frame, and publishes."""
