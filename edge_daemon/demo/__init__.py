"""The generated street of the demo. Only a camera that shows it, and `bench`, import it."""
