"""What sending does when things happen below: one module a subject, connected in `sending.apps`."""
