"""Labels of the models that are no strategy, apart from `style`: tables need no plotting."""

CONTROLS = {"dense": "dense", "ngram": "5-gram"}
