"""From a walking video to an answer: reading, preprocessing, models, bundles, predictions, metrics."""
