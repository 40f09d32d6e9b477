"""One model: says when it is free, takes the frame that comes, and passes on what the model finds."""
