"""A season played through the whole installation, on a clock of its own."""
