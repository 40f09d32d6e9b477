"""One camera: reads its frames, numbers them, and sends those that are asked for."""
