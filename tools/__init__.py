"""What developers run by hand; none of it is part of the installed package."""
