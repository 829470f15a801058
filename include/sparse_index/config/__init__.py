"""One YAML file per corpus, checked as a whole: every problem of a file in one message."""
