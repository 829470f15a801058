"""ML Commons: model groups, registration, deployment, waiting, clean-up."""
