"""What queries need and no daily run may touch: shared models, and the search pipelines that name them."""
