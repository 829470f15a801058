"""An empty index that is as its creator says, tried out before it is needed."""
