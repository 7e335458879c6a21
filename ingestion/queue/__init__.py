"""django-q2: tasks, their schedules, which cluster takes them, and the lock of a run."""
