"""A worker: reports that it is ready, receives a picture, runs one model on it, and sends what the model finds."""
