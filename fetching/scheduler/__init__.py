"""Who is fetched when: claims, jobs, outcomes, the run log, retention."""
