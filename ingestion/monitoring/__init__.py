"""What is wrong, who is told of it, and the installation's state for people."""
