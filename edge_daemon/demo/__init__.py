"""What the demo needs: the generated street. Imported only where somebody asks for it."""
