"""When things run: the Celery application and its tasks, and the scheduler process."""
