"""Who goes next: gives each worker that is free a frame, and says what became of the frames that were not served."""
