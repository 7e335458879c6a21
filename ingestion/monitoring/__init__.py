"""What is wrong, the alarms about it, and the installation's state for people."""
