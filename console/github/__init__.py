"""GitHub over its REST API, in plain values: pull requests, checks, workflow runs. Knows no step and no screen."""
