"""What queries need and no daily run may touch: shared models, search pipelines."""
