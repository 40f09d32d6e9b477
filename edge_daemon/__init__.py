"""Vision models on live cameras, on a small computer."""
